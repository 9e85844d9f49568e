"""Export of a language model: from torch to the bytes of the ONNX graph that the running side reads texts with."""

import copy
import tempfile
import warnings
from pathlib import Path

import torch
from torch import nn

from leanrec.data.text_graph import IDS_INPUT, MASK_INPUT, VECTORS_OUTPUT
from leanrec.models.onnx_graph import OPSET


def text_network_graph(network: nn.Module, *, pad_id: int) -> bytes:
    """The network, tokens and mask (B, T) -> vectors (B, D), in float32, for any B and T; it is left as it was.

    By torch's older exporter, as `onnx_graph`; in eval mode, without which dropout would spoil the vectors.
    """
    with tempfile.TemporaryDirectory(prefix="leanrec-") as folder:
        path = Path(folder) / "text.onnx"
        _write(copy.deepcopy(network).cpu().float().eval(), path, pad_id=pad_id)
        return path.read_bytes()


def _write(network: nn.Module, path: Path, *, pad_id: int) -> None:
    ids, mask = torch.tensor([[1, 2, 1], [2, 1, pad_id]]), torch.tensor([[1, 1, 1], [1, 1, 0]])
    with warnings.catch_warnings():
        # What the older exporter says about itself and about checks of shapes in other people's models; tests hold graph against model.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]  # missing in its __all__
        torch.onnx.export(
            network,
            (ids, mask),
            str(path),
            input_names=[IDS_INPUT, MASK_INPUT],
            output_names=[VECTORS_OUTPUT],
            dynamic_axes={IDS_INPUT: {0: "batch", 1: "length"}, MASK_INPUT: {0: "batch", 1: "length"}, VECTORS_OUTPUT: {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
