"""The served graph: a trained encoder as ONNX, from the item vectors of histories to the vectors of their users."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from leanrec.models.interests import Interests
from leanrec.models.sequence_encoder import SequenceEncoder

INPUT_NAME, OUTPUT_NAME = "items", "user"
OPSET = 17
"""The first operator set with LayerNormalization."""


def write_encoder_graph(encoder: SequenceEncoder, path: Path, *, interests: Interests | None = None) -> None:
    """Write the graph "items" (B, L, D) -> "user" (B, D), float32, for any B and any L from 1 to `max_length`; with interests (B, K D).

    The exporter is torch's older one, which follows a single call. Where that took a tenth of a second, the newer one took 1.5
    (attention) to 20 (a GRU), and it talks to the terminal. The encoder is left as it was.
    """
    example = torch.zeros(1, min(2, encoder.config.max_length), encoder.config.width, device=encoder.norm.weight.device)
    with warnings.catch_warnings():
        # What the older exporter says about itself, and about torch's own GRU: its checks of shapes, and its first states, whose
        # number follows the batch in our graph. The tests hold every block against its graph.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]  # missing in its __all__
        warnings.filterwarnings("ignore", message="Exporting a model to ONNX with a batch_size other than 1", category=UserWarning)
        torch.onnx.export(
            _NewestEvent(encoder, interests),
            (example,),
            str(path),
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            dynamic_axes={INPUT_NAME: {0: "batch", 1: "length"}, OUTPUT_NAME: {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )


class _NewestEvent(nn.Module):
    """The hidden vector of each history's newest event, or the interests after it: (B, L, D) -> (B, D) or (B, K D)."""

    def __init__(self, encoder: SequenceEncoder, interests: Interests | None) -> None:
        super().__init__()
        self.encoder, self.interests = encoder, interests
        self.training = encoder.training  # the exporter works in eval mode and then returns to this one

    def forward(self, items: Tensor) -> Tensor:
        batch, length, width = items.shape
        hidden = self.encoder.read(items.reshape(batch * length, width), ((batch, length),))  # (B L, D)
        hidden = hidden.view(batch, length, width)
        return hidden[:, -1] if self.interests is None else self.interests.newest(hidden)
