import numpy as np
import pytest
from tests.recommenders.data import dataset_of

from leanrec.config import Budget
from leanrec.data.query import Query
from leanrec.errors import BudgetError
from leanrec.recommenders import linear
from leanrec.recommenders.linear import EASE, EASEConfig, ItemKNN, ItemKNNConfig, chosen_matrix
from leanrec.training.run import Run

HISTORIES = {"u": "abc", "v": "abd", "w": "acd", "x": "be", "y": "ce", "z": "abcde"}


def closed_form(regularisation: float) -> np.ndarray:
    """B = I - P diag(1 / diag P), as Steck (2019) writes it."""
    chosen = chosen_matrix(dataset_of(HISTORIES)).toarray().astype(np.float64)
    inverse = np.linalg.inv(chosen.T @ chosen + regularisation * np.eye(5))
    return np.eye(5) - inverse @ np.diag(1.0 / np.diag(inverse))


@pytest.mark.parametrize("regularisation", [1.0, 1e-4])
def test_ease_is_the_closed_form(regularisation: float) -> None:
    ease = EASE(EASEConfig(regularisation=regularisation, decay=1.0)).fit(dataset_of(HISTORIES))
    expected = closed_form(regularisation)
    for row, item in enumerate("abcde"):
        assert np.allclose(ease.score(Query(history=(item,)), list("abcde")), expected[row], atol=1e-4)
    assert ease.figures["dropped_share"] == pytest.approx(0.0, abs=1e-6)


def test_ease_reads_blocks_of_rows_as_it_reads_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = EASE(EASEConfig(regularisation=1.0)).fit(dataset_of(HISTORIES))
    monkeypatch.setattr(linear, "rows_per_block", lambda num_items: 2)
    blocked = EASE(EASEConfig(regularisation=1.0)).fit(dataset_of(HISTORIES))
    query = Query(history=tuple("abe"))
    assert np.array_equal(whole.score(query, list("abcde")), blocked.score(query, list("abcde")))


def test_older_events_of_the_history_count_less() -> None:
    ease = EASE(EASEConfig(regularisation=1.0, decay=0.5)).fit(dataset_of(HISTORIES))
    expected = closed_form(1.0)
    assert np.allclose(ease.score(Query(history=("a", "e")), list("abcde")), 0.5 * expected[0] + expected[4], atol=1e-5)


def test_keeping_few_weights_states_what_it_dropped() -> None:
    ease = EASE(EASEConfig(regularisation=1.0, max_entries=1, decay=1.0)).fit(dataset_of(HISTORIES))
    size = np.abs(closed_form(1.0))
    assert ease.figures["dropped_share"] == pytest.approx(1.0 - size.max(axis=1).sum() / size.sum(), abs=1e-5)


def test_a_catalogue_too_large_for_the_closed_form_is_refused_before_it_starts() -> None:
    with pytest.raises(BudgetError, match="closed form") as caught:
        EASE().fit(dataset_of(HISTORIES), run=Run(budget=Budget(memory_gb=1e-7)))
    assert "cooccurrence" in caught.value.hint


def test_a_catalogue_beyond_the_free_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "available_memory_bytes", lambda: 100)
    with pytest.raises(BudgetError, match="free"):
        EASE().fit(dataset_of(HISTORIES))


def test_item_knn_is_the_cosine_over_users() -> None:
    knn = ItemKNN(ItemKNNConfig(decay=1.0)).fit(dataset_of(HISTORIES))
    a_and_b, a, b = 3, 4, 4
    assert knn.score(Query(history=("a",)), ["b"])[0] == pytest.approx(a_and_b / np.sqrt(a * b))
    assert knn.score(Query(history=("a",)), ["a"])[0] == 0.0


def test_item_knn_keeps_the_strongest_neighbours() -> None:
    knn = ItemKNN(ItemKNNConfig(max_entries=1)).fit(dataset_of(HISTORIES))
    assert len(knn.similar("a", k=5).items) == 1
    assert 0.0 < knn.figures["dropped_share"] < 1.0
