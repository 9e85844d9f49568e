"""Formulas of a training: counted sizes are those of the real thing, and the file says what is wrong with it."""

from typing import Any

import pytest
import torch
from torch import Tensor

from leanrec.errors import ConfigError
from leanrec.models.block import HEEDED_BY
from leanrec.models.chunked_softmax import chunk_rows
from leanrec.models.sequence_encoder import BLOCKS, SequenceEncoder, SequenceEncoderConfig
from leanrec.planner.formulas import FormulasFile, formulas, parsed
from leanrec.planner.training import Training
from leanrec.training.optimizer_states import state_bytes
from leanrec.training.training_config import TrainingConfig


def encoder_of(block: str, *, num_heads: int, **settings: Any) -> SequenceEncoder:
    heads = {"num_heads": num_heads} if block in HEEDED_BY["num_heads"] else {}
    return SequenceEncoder(SequenceEncoderConfig(block=block, **heads, **settings)).train()


def sizes_of(block: str, **settings: Any) -> Any:
    training = Training(**{"items": 100, "events": 1000, "length": 20.0, "block": block, **settings})
    return formulas("training").values(training.inputs, kind=block)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(("width", "num_layers", "max_length"), [(32, 1, 20), (64, 3, 50), (128, 2, 200)])
def test_the_weights_are_those_of_the_encoder(block: str, width: int, num_layers: int, max_length: int) -> None:
    encoder = encoder_of(block, num_heads=2, width=width, num_layers=num_layers, max_length=max_length)
    counted = sizes_of(block, width=width, num_layers=num_layers, max_length=max_length)
    assert counted["block_weights"] == sum(parameter.numel() for parameter in encoder.parameters())


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(("width", "num_layers", "num_heads", "length"), [(32, 2, 2, 20), (64, 3, 4, 50), (128, 2, 1, 100)])
def test_what_is_kept_for_the_way_back_is_what_autograd_saves(block: str, width: int, num_layers: int, num_heads: int, length: int) -> None:
    encoder = encoder_of(block, num_heads=num_heads, width=width, num_layers=num_layers, max_length=length)
    weights = {parameter.untyped_storage().data_ptr() for parameter in encoder.parameters()}
    saved: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    tokens = 4 * length
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = encoder(torch.randn(tokens, width, requires_grad=True), ((4, length),))
    held = sum(tensor.untyped_storage().nbytes() for place, tensor in saved.items() if place not in weights)
    counted = sizes_of(block, width=width, num_layers=num_layers, num_heads=num_heads, length=float(length), max_length=length, tokens=tokens)
    assert counted["kept_bytes"] == pytest.approx(held, rel=0.06)
    assert result.shape == (tokens, width)


@pytest.mark.parametrize("optimizer", ["adamw", "adamw-8bit", "adagrad-rows"])
def test_what_the_optimizer_remembers_is_what_it_says(optimizer: str) -> None:
    table = torch.zeros(5000, 64)
    counted = sizes_of("transformer", items=5000, width=64, num_layers=1, optimizer=optimizer)
    remembered = state_bytes(table, TrainingConfig(optimizer=optimizer))
    beside = {"adamw": 2.0, "adamw-8bit": 0.508, "adagrad-rows": 0.0}[optimizer] * counted["block_weights"]
    assert 4 * (counted["states"] - beside) == pytest.approx(remembered, rel=0.02)


@pytest.mark.parametrize("items", [1000, 12_101, 80_000])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_chunk_has_the_rows_that_the_softmax_takes(items: int, precision: Any) -> None:
    assert sizes_of("gru", items=items, precision=precision)["chunk_rows"] == chunk_rows(items, precision=precision)


def test_an_unknown_block_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="'transformr' is unknown to plans") as error:
        formulas("training").values({}, kind="transformr")
    assert "transformer" in str(error.value.hint)


def test_a_size_is_made_of_those_before_it() -> None:
    lines = {"a": {"formula": "2 * b", "about": "x"}, "b": {"formula": "1", "about": "y"}}
    with pytest.raises(ConfigError, match="'a' is made of 'b', which comes later"):
        parsed(FormulasFile.parse({"kinds": {}, "sizes": lines, "parts": {}}))
