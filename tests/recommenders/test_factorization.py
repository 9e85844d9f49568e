from typing import Any

import numpy as np
import pytest
from tests.recommenders.data import dataset_of

from leanrec.data.query import Query
from leanrec.errors import MissingExtraError
from leanrec.recommenders.factorization import ALS, BPR, ALSConfig, BPRConfig
from leanrec.training.run import Run

TASTES = {f"u{number}": ("abcd" if number % 2 else "wxyz")[number % 4 :] + ("ab" if number % 2 else "wx") for number in range(40)}


def test_als_solves_the_normal_equations_of_a_history() -> None:
    als = ALS(ALSConfig(num_factors=4, confidence=3.0, regularisation=0.5, decay=1.0)).fit(dataset_of(TASTES))
    vectors = als._item_vectors.astype(np.float64)
    confidence = np.array([4.0, 4.0] + [1.0] * 6)
    chosen = np.array([1.0, 1.0] + [0.0] * 6)
    vector = np.linalg.solve(vectors.T @ (confidence[:, None] * vectors) + 0.5 * np.eye(4), vectors.T @ (confidence * chosen))
    assert np.allclose(als.score(Query(history=("a", "b")), list("abcdwxyz")), vectors @ vector, atol=1e-5)


@pytest.mark.parametrize("recommender", [ALS(ALSConfig(num_factors=4)), BPR(BPRConfig(num_factors=4))])
def test_factorisation_keeps_tastes_apart(recommender: ALS | BPR) -> None:
    recommender.fit(dataset_of(TASTES))
    assert set(recommender.recommend([Query(history=("a", "b"))], k=2)[0].item_ids) == {"c", "d"}
    assert recommender.similar("w", k=1).item_ids[0] in "xyz"


def test_another_seed_gives_other_vectors() -> None:
    first, second = (BPR(BPRConfig(num_factors=4)).fit(dataset_of(TASTES), run=Run(seed=seed)) for seed in (0, 1))
    assert not np.array_equal(first._item_vectors, second._item_vectors)


def test_bpr_knows_its_users_even_without_a_history() -> None:
    bpr = BPR(BPRConfig(num_factors=4)).fit(dataset_of(TASTES))
    answer = bpr.recommend([Query(user_id="u1")], k=4)[0]
    assert not answer.cold
    assert set(answer.item_ids) == set("abcd")


def test_without_the_library_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    def fail(name: str, *_: Any) -> Any:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(MissingExtraError) as caught:
        ALS().fit(dataset_of(TASTES))
    assert "leanrec[data]" in caught.value.hint
