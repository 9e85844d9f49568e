"""Export of a language model: from torch to the bytes of the ONNX graph that the running side reads texts or pairs with."""

import copy
import tempfile
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from leanrec.data.language_graph import IDS_INPUT, MASK_INPUT
from leanrec.data.pair_graph import SCORES_OUTPUT, TYPES_INPUT
from leanrec.data.text_graph import VECTORS_OUTPUT
from leanrec.models.onnx_graph import OPSET


def text_network_graph(network: nn.Module, *, pad_id: int) -> bytes:
    """The network, tokens and mask (B, T) -> vectors (B, D), in float32, for any B and T; it is left as it was.

    By torch's older exporter, as `onnx_graph`; in eval mode, without which dropout would spoil the vectors.
    """
    return _graph(network, _example(pad_id)[:2], inputs=[IDS_INPUT, MASK_INPUT], output=VECTORS_OUTPUT)


def pair_network_graph(network: nn.Module, *, pad_id: int) -> bytes:
    """The network, tokens, mask and types (B, T) -> scores (B,), as `text_network_graph`.

    A model that knows no types has a graph without that input.
    """
    return _graph(network, _example(pad_id), inputs=[IDS_INPUT, MASK_INPUT, TYPES_INPUT], output=SCORES_OUTPUT)


def _example(pad_id: int) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens, mask and types; of two lengths, so that neither is taken for a constant."""
    return torch.tensor([[1, 2, 1], [2, 1, pad_id]]), torch.tensor([[1, 1, 1], [1, 1, 0]]), torch.tensor([[0, 1, 1], [0, 1, 0]])


def _graph(network: nn.Module, example: tuple[Tensor, ...], *, inputs: list[str], output: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="leanrec-") as folder:
        path = Path(folder) / "text.onnx"
        _write(copy.deepcopy(network).cpu().float().eval(), path, example, inputs=inputs, output=output)
        return path.read_bytes()


def _write(network: nn.Module, path: Path, example: tuple[Tensor, ...], *, inputs: list[str], output: str) -> None:
    with warnings.catch_warnings():
        # What the older exporter says about itself and about checks of shapes in other people's models; tests hold graph against model.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]  # missing in its __all__
        torch.onnx.export(
            network,
            example,
            str(path),
            input_names=inputs,
            output_names=[output],
            dynamic_axes={**{name: {0: "batch", 1: "length"} for name in inputs}, output: {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
