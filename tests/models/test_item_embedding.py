"""Item vectors: each part by hand, the sparse product's gradient, and what a checkpoint holds."""

import copy

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from leanrec.errors import ConfigError
from leanrec.models.item_embedding import ItemEmbedding, ItemEmbeddingConfig

N, D = 6, 4
ATTRIBUTES = sp.csr_matrix(np.array([[1, 0, 0], [0.5, 0.5, 0], [0, 0, 0], [0, 0, 1], [0, 0.25, 0.75], [0, 0, 0]], dtype=np.float32))
VECTORS = np.array([[1, 5], [3, 5], [0, 0], [5, 5], [3, 5], [3, 5]], dtype=np.float32)


def embedding(
    *,
    width: int = D,
    num_items: int = N,
    attributes: sp.csr_matrix | None = None,
    vectors: np.ndarray | None = None,
    text: np.ndarray | None = None,
    **settings: object,
) -> ItemEmbedding:
    torch.manual_seed(0)
    config = ItemEmbeddingConfig.parse(settings)
    return ItemEmbedding(config, width=width, num_items=num_items, attributes=attributes, vectors=vectors, text=text)


def test_parts_are_summed() -> None:
    model = embedding(attributes=ATTRIBUTES, vectors=VECTORS)
    parameters = {name: value.detach() for name, value in model.named_parameters()}
    standardised = torch.tensor([[-2.0, 0.0], [0.0, 0.0], [0.0, 0.0], [2.0, 0.0], [0.0, 0.0], [0.0, 0.0]]) / 1.6**0.5  # missing and constant: 0
    expected = (
        parameters["ids.weight"]
        + torch.from_numpy(ATTRIBUTES.toarray()) @ parameters["attributes.weight"]
        + standardised @ parameters["vectors.projection.weight"].T
    )
    torch.testing.assert_close(model().detach(), expected)


def test_the_sparse_product_has_the_gradient_of_the_dense_one() -> None:
    model = embedding(attributes=ATTRIBUTES)
    upstream = torch.randn(N, D)
    model().backward(upstream)
    assert model.attributes is not None
    torch.testing.assert_close(model.attributes.weight.grad, torch.from_numpy(ATTRIBUTES.toarray()).T @ upstream)


def test_double_precision_and_copies_give_the_same_vectors() -> None:
    model = embedding(attributes=ATTRIBUTES, vectors=VECTORS)
    torch.testing.assert_close(copy.deepcopy(model)(), model())
    torch.testing.assert_close(copy.deepcopy(model).to(torch.float64)().float(), model(), atol=1e-6, rtol=1e-5)


def test_features_move_along_but_are_not_in_the_checkpoint() -> None:
    model = embedding(attributes=ATTRIBUTES, vectors=VECTORS)
    assert sorted(model.state_dict()) == ["attributes.weight", "ids.weight", "vectors.projection.weight"]
    moved = model.to("meta")
    assert {tensor.device.type for tensor in [*moved.parameters(), *moved.buffers()]} == {"meta"}


def test_hashed_items_are_sums_of_two_different_rows() -> None:
    model = embedding(table="hashed", num_buckets=3)
    weight, rows = model.ids.get_parameter("weight"), model.ids.get_buffer("rows")
    assert bool((rows[:, 0] != rows[:, 1]).all())
    torch.testing.assert_close(model(), weight[rows[:, 0]] + weight[rows[:, 1]])
    assert torch.equal(rows, embedding(table="hashed", num_buckets=3).ids.get_buffer("rows"))


def test_hashed_pairs_collide_as_rarely_as_documented() -> None:
    rows = embedding(table="hashed", num_buckets=1000, num_items=10_000, width=1).ids.get_buffer("rows")
    pairs = rows.sort(dim=1).values
    counts = torch.unique(pairs[:, 0] * 1000 + pairs[:, 1], return_counts=True)[1]
    assert 50 < int((counts * (counts - 1) // 2).sum()) < 150  # (10000 / 1000)^2 = 100
    assert torch.bincount(rows.reshape(-1), minlength=1000).min() > 0


@pytest.mark.parametrize("settings", [{}, {"table": "hashed", "num_buckets": 300}, {"table": "low-rank", "rank": 8}])
def test_vectors_begin_at_the_stated_scale(settings: dict[str, object]) -> None:
    vectors = embedding(width=32, num_items=500, scale=0.1, **settings)().detach()
    assert float(vectors.std()) == pytest.approx(0.1, rel=0.1)


def test_each_part_begins_at_the_stated_scale() -> None:
    rng = np.random.default_rng(0)
    model = embedding(width=32, num_items=500, vectors=rng.normal(3.0, 5.0, (500, 24)).astype(np.float32))
    assert model.vectors is not None
    assert float(model.vectors().detach().std()) == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize(
    ("settings", "expected"), [({}, N * D), ({"table": "hashed", "num_buckets": 2}, 2 * D), ({"table": "low-rank", "rank": 1}, N + D)]
)
def test_parameters_are_counted(settings: dict[str, object], expected: int) -> None:
    assert embedding(**settings).num_parameters == expected
    assert embedding(attributes=ATTRIBUTES, vectors=VECTORS, **settings).num_parameters == expected + 3 * D + 2 * D


def test_features_without_columns_add_nothing() -> None:
    model = embedding(attributes=sp.csr_matrix((N, 0), dtype=np.float32), vectors=np.zeros((N, 0), np.float32))
    assert model.num_parameters == N * D
    assert model().shape == (N, D)


@pytest.mark.parametrize("settings", [{"rank": 4}, {"table": "low-rank", "num_buckets": 4}, {"table": "hashed"}, {"table": "low-rank"}])
def test_a_size_without_its_table_and_a_table_without_its_size_are_errors(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"num_buckets|rank"):
        embedding(**settings)


def test_features_of_other_items_are_refused() -> None:
    with pytest.raises(ConfigError, match="vectors have 6 rows for 7 items"):
        embedding(num_items=7, vectors=VECTORS)


def test_hidden_ids_leave_content_alone_and_none_is_hidden_in_evaluation() -> None:
    torch.manual_seed(0)
    plain = embedding(attributes=ATTRIBUTES, vectors=VECTORS, id_dropout=0.5)
    content, whole = plain.content(), plain.eval()()
    assert content is not None
    torch.testing.assert_close(whole, plain.ids() + content)
    assert torch.equal(plain(), whole)
    torch.manual_seed(1)
    drawn = torch.stack([plain.train()() for _ in range(40)])  # (40, N, D)
    is_hidden = (drawn == content).all(dim=2)
    is_whole = (drawn == whole).all(dim=2)
    assert bool((is_hidden ^ is_whole).all())
    assert 0.35 < float(is_hidden.float().mean()) < 0.65
    torch.manual_seed(1)
    assert not embedding(attributes=ATTRIBUTES).train()().eq(0).all(dim=1).any()


def test_other_items_are_computed_from_the_arrays_of_content() -> None:
    model = embedding(attributes=ATTRIBUTES, vectors=VECTORS, text=2 * VECTORS + 1)
    arrays = model.content_arrays()
    is_there = VECTORS.any(axis=1, keepdims=True).astype(np.float32)
    text = 2 * VECTORS + 1
    expected = (
        ATTRIBUTES @ arrays["attributes"]
        + np.hstack([VECTORS, is_there]) @ arrays["vectors"]
        + np.hstack([text, np.ones((N, 1), np.float32)]) @ arrays["text"]
    )
    content = model.content()
    assert content is not None
    np.testing.assert_allclose(content.detach().numpy(), expected, atol=1e-6)
    assert embedding().content() is None
    assert embedding().content_arrays() == {}


def test_word_dropout_hides_whole_attributes_in_training_and_keeps_the_mean() -> None:
    model = embedding(attributes=ATTRIBUTES, word_dropout=0.5)
    assert model.attributes is not None
    weight, by_item = model.attributes.weight.detach(), torch.from_numpy(ATTRIBUTES.toarray())
    whole = model.eval()().detach()
    torch.testing.assert_close(whole, model.ids().detach() + by_item @ weight)
    model.train()
    drawn = [(model().detach() - model.ids().detach()) for _ in range(400)]
    patterns = [by_item @ (weight * 2 * torch.tensor(kept)[:, None]) for kept in np.ndindex(2, 2, 2)]
    seen = {next(number for number, pattern in enumerate(patterns) if torch.allclose(pattern, one, atol=1e-6)) for one in drawn}
    assert seen == set(range(8))
    torch.testing.assert_close(torch.stack(drawn).mean(0), by_item @ weight, atol=0.01, rtol=0.3)


def test_word_dropout_without_words_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"items.word_dropout = 0.2 hides attributes and words of titles, and there are none"):
        embedding(word_dropout=0.2)
