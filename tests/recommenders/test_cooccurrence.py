import numpy as np
import pytest
from tests.recommenders.data import dataset_of, log_of

from leanrec.config import Budget
from leanrec.data.dataset import Dataset
from leanrec.data.query import Query
from leanrec.errors import BudgetError, ConfigError
from leanrec.recommenders.cooccurrence import Cooccurrence, CooccurrenceConfig
from leanrec.training.run import Run


def fitted(histories: dict[str, str], **settings: float) -> Cooccurrence:
    return Cooccurrence(CooccurrenceConfig(**settings)).fit(dataset_of(histories))


def score(recommender: Cooccurrence, history: str, item: str) -> float:
    return float(recommender.score(Query(history=tuple(history)), [item])[0])


def test_scores_are_the_hand_worked_ones() -> None:
    graph = fitted({"u": "abc", "v": "ab"}, window=10, distance_power=1.0, backward=0.3, decay=0.6, popularity_power=0.0)
    assert score(graph, "a", "b") == pytest.approx(2.0)
    assert score(graph, "a", "c") == pytest.approx(0.5)
    assert score(graph, "c", "a") == pytest.approx(0.3 * 0.5)
    assert score(graph, "ab", "c") == pytest.approx(1.0 + 0.6 * 0.5)


def test_popularity_divides_the_score() -> None:
    graph = fitted({"u": "ab", "v": "b", "w": "b", "x": "b"}, popularity_power=0.5)
    assert score(graph, "a", "b") == pytest.approx(1.0 / np.sqrt(4.0))


def test_only_the_last_items_of_the_history_are_read() -> None:
    graph = fitted({"u": "ab", "v": "cd"}, last=1)
    assert score(graph, "ac", "b") == 0.0
    assert score(graph, "ca", "b") > 0.0


def test_items_beyond_the_window_are_not_linked() -> None:
    assert score(fitted({"u": "abc"}, window=1), "a", "c") == 0.0


def test_an_item_repeated_is_no_link_to_itself() -> None:
    assert score(fitted({"u": "aab"}), "a", "a") == 0.0


def test_histories_of_different_users_are_not_linked() -> None:
    assert score(fitted({"u": "ab", "v": "cd"}), "b", "c") == 0.0


def test_appending_one_event_links_it_with_the_tail_of_its_user() -> None:
    grown = fitted({"u": "ab", "v": "c"}, distance_power=1.0, popularity_power=0.0)
    version = grown.model_version
    grown.append(log_of([("u", "n"), ("new", "c"), ("new", "n")]))
    assert score(grown, "b", "n") == pytest.approx(1.0)
    assert score(grown, "a", "n") == pytest.approx(0.5)
    assert score(grown, "c", "n") == pytest.approx(1.0)
    assert grown.model_version != version


def test_appending_in_many_small_parts_equals_fitting_once() -> None:
    histories = {"u": "abcabdaec", "v": "cbadb", "w": "edcba"}
    rows = [(user, item) for step in range(9) for user, items in histories.items() for item in items[step : step + 1]]
    whole = Cooccurrence(CooccurrenceConfig(window=2)).fit(Dataset.build(log_of(rows)))
    grown = Cooccurrence(CooccurrenceConfig(window=2)).fit(Dataset.build(log_of(rows[:4])))
    for row in rows[4:]:
        grown.append(log_of([row]))
    for history in ("a", "cb", "edc"):
        query = Query(history=tuple(history))
        assert np.allclose(grown.score(query, list("abcde")), whole.score(query, list("abcde")), rtol=1e-5)


def test_a_graph_beyond_the_budget_is_refused_before_it_starts() -> None:
    with pytest.raises(BudgetError, match="co-occurrence"):
        Cooccurrence().fit(dataset_of({"u": "abcdef"}), run=Run(budget=Budget(memory_gb=1e-9)))


def test_a_setting_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match="decay"):
        CooccurrenceConfig(decay=0)
