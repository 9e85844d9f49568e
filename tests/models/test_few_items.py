"""FewItems: a loss that is shown the vectors of a few items says what it says with those of all."""

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from leanrec.errors import ConfigError
from leanrec.models.few_items import FewItems, LooksAtFew
from leanrec.models.item_embedding import ItemEmbedding, ItemEmbeddingConfig
from leanrec.models.losses import FullSoftmax
from leanrec.models.sampled_losses import MAX_OWN_NEGATIVES, BinaryCrossEntropy, PairwiseRanking, SampledSoftmax

NUM_ITEMS, WIDTH, NUM_TARGETS = 60, 4, 7
COUNTS = torch.arange(NUM_ITEMS)
LOSSES: dict[str, Callable[[], nn.Module]] = {
    "sampled softmax": lambda: SampledSoftmax(COUNTS, num_negatives=9),
    "cosine": lambda: SampledSoftmax(COUNTS, num_negatives=9, temperature=0.2),
    "bce": lambda: BinaryCrossEntropy(num_items=NUM_ITEMS, num_negatives=3),
    "gbce": lambda: BinaryCrossEntropy(num_items=NUM_ITEMS, num_negatives=MAX_OWN_NEGATIVES + 4, calibration=0.75),
    "bpr": lambda: PairwiseRanking(num_negatives=2),
}


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_over_few_vectors_is_that_over_all_of_them(name: str) -> None:
    loss = LOSSES[name]()
    assert isinstance(loss, LooksAtFew)
    hidden, vectors = drawn(NUM_TARGETS, WIDTH), drawn(NUM_ITEMS, WIDTH).requires_grad_()
    targets = torch.tensor([3, 50, 3, 17, 59, 0, 8])
    values, told, gradients = [], [], []
    for is_few in (False, True):
        torch.manual_seed(5)
        if is_few:
            few = FewItems.of(targets.clone(), targets=targets, negatives=loss.negatives_for(targets, num_items=NUM_ITEMS))
            value = loss.of_few(few, hidden, vectors[few.rows])
        else:
            value = loss(hidden, vectors, targets)
        values.append(value.detach())
        told.append(loss.losses)
        gradients.append(torch.autograd.grad(value, vectors)[0])
    for one, other in (values, told, gradients):
        torch.testing.assert_close(one, other)


def test_the_full_softmax_looks_at_all() -> None:
    assert not isinstance(FullSoftmax(), LooksAtFew)


def test_events_that_are_not_shown_are_no_items() -> None:
    hidden = FewItems.of(torch.tensor([-1, 4, -3]), targets=torch.tensor([4, 4, 6]), negatives=torch.tensor([[0], [6], [4]]))
    assert hidden.rows.tolist() == [0, 4, 6]
    assert hidden.read.tolist() == [-1, 1, -1]
    assert hidden.negatives.tolist() == [[0], [2], [1]]


@pytest.mark.parametrize("sparse", [False, True])
def test_vectors_of_rows_are_those_of_all_items_with_the_same_gradients(sparse: bool) -> None:
    rng = np.random.default_rng(0)
    attributes = sp.random(NUM_ITEMS, 11, density=0.2, random_state=0, format="csr", dtype=np.float32)
    torch.manual_seed(0)
    items = ItemEmbedding(
        ItemEmbeddingConfig(sparse=sparse),
        width=WIDTH,
        num_items=NUM_ITEMS,
        attributes=attributes,
        vectors=rng.normal(size=(NUM_ITEMS, 3)).astype(np.float32),
    )
    rows = torch.tensor([1, 2, 30, 59])
    outcomes = []
    for vectors in (items()[rows], items.rows(rows)):
        items.zero_grad()
        (vectors * drawn(4, WIDTH)).sum().backward()
        outcomes.append([vectors.detach(), *(parameter.grad.to_dense().clone() for parameter in items.parameters() if parameter.grad is not None)])
    assert len(outcomes[0]) == 4
    for one, other in zip(*outcomes, strict=True):
        torch.testing.assert_close(one, other)
    assert items.ids.weight.grad.is_sparse is sparse


def test_in_training_ids_and_words_of_rows_are_hidden_too() -> None:
    torch.manual_seed(0)
    attributes = sp.csr_matrix(np.ones((NUM_ITEMS, 1), np.float32))
    items = ItemEmbedding(ItemEmbeddingConfig(sparse=True, id_dropout=0.5), width=WIDTH, num_items=NUM_ITEMS, attributes=attributes)
    content = items.attributes.weight.detach()
    hidden = (items.rows(torch.arange(NUM_ITEMS)) == content).all(1)
    assert 10 < int(hidden.sum()) < 50
    assert not (items.eval().rows(torch.arange(NUM_ITEMS)) == content).all(1).any()


@pytest.mark.parametrize("settings", [{"table": "hashed", "num_buckets": 8}, {"table": "low-rank", "rank": 2}])
def test_a_table_without_rows_of_its_own_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="'full' does"):
        ItemEmbeddingConfig(sparse=True, **settings)
    ItemEmbeddingConfig(sparse=False, **settings)
