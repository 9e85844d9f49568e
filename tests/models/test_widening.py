"""A network made wider says what it said, whatever it is made of; its copies get the gradients that were foretold, and part ways."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from leanrec.errors import ConfigError
from leanrec.models.item_embedding import ItemEmbedding, ItemEmbeddingConfig
from leanrec.models.next_item import NextItemNetwork
from leanrec.models.self_supervised import HiddenItemHead
from leanrec.models.sequence_encoder import WIDENING_BLOCKS, SequenceEncoder, SequenceEncoderConfig
from leanrec.models.widening import Widening, outline
from leanrec.training.distill import TeacherVectors

GROUPS = ((3, 4), (2, 7))
NUM_ITEMS, WIDTH = 20, 8
ITEM_ROWS = torch.arange(26) % NUM_ITEMS
every_block = pytest.mark.parametrize("block", WIDENING_BLOCKS)


def network(block: str = "transformer", *, is_cosine: bool = False, items: dict[str, Any] | None = None, **settings: Any) -> NextItemNetwork:
    """In evaluation mode; every weight is moved away from its start, so that zeros hide nothing."""
    torch.manual_seed(3)
    rng = np.random.default_rng(3)
    embedding = ItemEmbedding(
        ItemEmbeddingConfig(**(items or {})),
        width=WIDTH,
        num_items=NUM_ITEMS,
        attributes=sp.random(NUM_ITEMS, 6, density=0.4, random_state=rng, format="csr"),
        vectors=rng.standard_normal((NUM_ITEMS, 5)).astype(np.float32),
        text=rng.standard_normal((NUM_ITEMS, 3)).astype(np.float32),
    )
    encoder = SequenceEncoder(SequenceEncoderConfig.parse({"block": block, "width": WIDTH, "max_length": 8, "dropout": 0.0, **settings}))
    made = NextItemNetwork(embedding, encoder, is_cosine=is_cosine, hides_items=True)
    made.add_module("hidden_item_head", HiddenItemHead(WIDTH))
    made.add_module("teacher_vectors", TeacherVectors(rng.standard_normal((NUM_ITEMS, 7)).astype(np.float32), width=WIDTH))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return made.eval()


def scores(made: NextItemNetwork) -> Tensor:
    """Of all items after all events, the first of which are hidden, of the network and of its head; both in units of their spread."""
    vectors = made.item_vectors()
    hidden = made(torch.where(torch.arange(26) % 5 == 0, -1, ITEM_ROWS), vectors, GROUPS)
    found = torch.cat([hidden, made.get_submodule("hidden_item_head")(hidden)]) @ vectors.T
    return found / found.std().detach()


@every_block
@pytest.mark.parametrize("is_cosine", [False, True])
@pytest.mark.parametrize("factor", [2, 3])
def test_a_wider_network_scores_every_item_as_before(block: str, factor: int, is_cosine: bool) -> None:
    made = network(block, is_cosine=is_cosine)
    before, likeness = scores(made), made.item_vectors() @ made.item_vectors().T
    widenings = made.widen(factor * WIDTH)
    assert torch.allclose(scores(made), before, atol=1e-5)
    assert torch.allclose(made.item_vectors() @ made.item_vectors().T, likeness, atol=1e-5)
    named = dict(made.named_parameters())
    assert {name for name in named if name not in widenings} == {name for name in named if name.endswith("attention.bias.weight")}
    fresh = SequenceEncoder(made.encoder.config)
    assert made.encoder.config.width == factor * WIDTH
    assert {name: weight.shape for name, weight in made.encoder.state_dict().items()} == {n: w.shape for n, w in fresh.state_dict().items()}


@every_block
def test_hidden_vectors_are_repeated_and_keep_their_length(block: str) -> None:
    made = network(block)
    before = made(ITEM_ROWS, made.item_vectors(), GROUPS)
    made.widen(2 * WIDTH)
    after = made(ITEM_ROWS, made.item_vectors(), GROUPS)
    assert torch.allclose(after, before.repeat(1, 2) / math.sqrt(2), atol=1e-5)


@pytest.mark.parametrize("items", [{"table": "hashed", "num_buckets": 7}, {"table": "low-rank", "rank": 3}])
def test_every_kind_of_table_can_be_wider(items: dict[str, Any]) -> None:
    made = network(items=items)
    before = scores(made)
    made.widen(4 * WIDTH)
    assert torch.allclose(scores(made), before, atol=1e-5)
    assert made.items().shape == (NUM_ITEMS, 4 * WIDTH)


def test_depth_and_width_grow_in_any_order_and_step_by_step() -> None:
    made = network("frequency", num_layers=1)
    before = scores(made)
    made.encoder.grow(2)
    made.widen(2 * WIDTH)
    made.encoder.grow(3)
    made.widen(6 * WIDTH)
    assert torch.allclose(scores(made), before, atol=1e-5)
    assert (len(made.encoder.blocks), made.encoder.config.num_layers, made.encoder.config.width) == (3, 3, 6 * WIDTH)
    assert made.widen(6 * WIDTH) == {}


def copies_of(wide: Tensor, widening: Widening) -> Iterator[Tensor]:
    """Each copy of a weight, as a tensor of the narrow shape."""
    for dimension, parts in enumerate(widening.parts):
        if parts:
            size = wide.shape[dimension] // widening.factor
            for copy in range(widening.factor):
                rest = wide.unflatten(dimension, (parts, widening.factor, -1)).select(dimension + 1, copy).flatten(dimension, dimension + 1)
                assert rest.shape[dimension] == size
                others = Widening(factor=widening.factor, parts=tuple(0 if place == dimension else part for place, part in enumerate(widening.parts)))
                yield from copies_of(rest, others)
            return
    yield wide


def gradients(made: NextItemNetwork) -> dict[str, Tensor]:
    made.zero_grad()
    (scores(made).square() * torch.linspace(0, 1, 52)[:, None]).mean().backward()
    return {name: weight.grad for name, weight in made.named_parameters() if weight.grad is not None}


@every_block
@pytest.mark.parametrize("is_cosine", [False, True])
def test_the_mean_gradient_over_copies_is_the_one_foretold(block: str, is_cosine: bool) -> None:
    made = network(block, is_cosine=is_cosine)
    before = gradients(made)
    widenings = made.widen(2 * WIDTH)
    for name, gradient in gradients(made).items():
        if name in widenings:
            foretold = widenings[name].of_gradients(before[name], shape=tuple(gradient.shape), power=1)
            (first, *others), means = copies_of(foretold, widenings[name]), torch.stack(list(copies_of(gradient, widenings[name]))).mean(0)
            assert all(torch.equal(first, other) for other in others)
            assert torch.allclose(means, first, rtol=1e-3, atol=1e-3 * float(first.abs().max() + before[name].abs().max() * 1e-3)), name


@every_block
def test_copies_part_ways_without_dropout(block: str) -> None:
    made = network(block).train()
    made.widen(2 * WIDTH)
    for _ in range(3):
        found = gradients(made)
        with torch.no_grad():
            for name, weight in made.named_parameters():
                if name in found:
                    weight.sub_(found[name].sign(), alpha=0.01)
    vectors = made.item_vectors()
    hidden = made(ITEM_ROWS, vectors, GROUPS)
    for wide in (vectors, hidden):
        assert all((one - other).abs().mean() > 1e-3 * wide.abs().mean() for one, other in pairwise(wide.chunk(2, 1)))


def test_frozen_weights_stay_frozen_and_a_mode_stays() -> None:
    made = network().train()
    for weight in made.encoder.blocks.parameters():
        weight.requires_grad_(False)
    made.widen(2 * WIDTH)
    assert not any(weight.requires_grad for weight in made.encoder.blocks.parameters()) and made.items.ids.weight.requires_grad
    assert all(module.training for module in made.modules())


def test_an_outline_grows_without_memory() -> None:
    made = network("gru")
    drawn = outline(made)
    drawn.encoder.grow(3)
    drawn.widen(1024 * WIDTH)
    assert all(weight.is_meta for weight in drawn.parameters()) and not any(weight.is_meta for weight in made.parameters())
    assert drawn.items.ids.weight.shape == (NUM_ITEMS, 1024 * WIDTH) and made.items.ids.weight.shape == (NUM_ITEMS, WIDTH)


def test_what_cannot_be_wider_is_refused_and_left_as_it_is() -> None:
    made = network("hstu")
    before = scores(made)
    with pytest.raises(ConfigError, match=r"a hstu block cannot be made wider.*\n.*transformer, gated, frequency, gru, convolution"):
        made.widen(2 * WIDTH)
    assert torch.equal(scores(made), before)
    with pytest.raises(ConfigError, match="of width 8 cannot become 12 wide"):
        network().widen(12)
    made = network()
    made.add_module("probe", nn.Linear(WIDTH, 1))
    with pytest.raises(ConfigError, match="probe, a Linear, cannot be made wider"):
        made.widen(2 * WIDTH)
