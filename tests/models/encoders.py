"""Small encoders with weights large enough that every path shows in the output."""

from typing import Any

import torch

from leanrec.models.sequence_encoder import BLOCKS, SequenceEncoder, SequenceEncoderConfig

NAMES = sorted(BLOCKS)
WIDTH = 8


def small_encoder(block: str, *, max_length: int = 7, seed: int = 0, **settings: Any) -> SequenceEncoder:
    """In eval mode; every parameter is moved away from its start, so that zeros hide nothing."""
    torch.manual_seed(seed)
    encoder = SequenceEncoder(SequenceEncoderConfig.parse({"block": block, "width": WIDTH, "max_length": max_length, **settings}))
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return encoder.eval()
