import numpy as np
import pytest
from tests.recommenders.data import Row, dataset_of, log_of

from leanrec.data.dataset import Dataset
from leanrec.data.query import Query
from leanrec.errors import ConfigError, DataError
from leanrec.recommenders.ratings import BiasedMatrixFactorization, BiasedMatrixFactorizationConfig


def rated(num_users: int = 60, num_items: int = 40, *, seed: int = 0) -> tuple[Dataset, list[Row]]:
    """Ratings of a low-rank world on a scale of 1 to 5, three quarters to learn from and the rest held out."""
    rng = np.random.default_rng(seed)
    users, items = rng.normal(size=(num_users, 2)), rng.normal(size=(num_items, 2))
    truth = 3.0 + 0.5 * rng.normal(size=(num_users, 1)) + 0.5 * rng.normal(size=(1, num_items)) + 0.7 * users @ items.T
    rows: list[Row] = [(f"u{u:02}", f"i{i:02}", "rate", float(np.clip(truth[u, i], 1, 5))) for u in range(num_users) for i in range(num_items)]
    rng.shuffle(rows)  # type: ignore[arg-type]
    cut = len(rows) * 3 // 4
    return Dataset.build(log_of(rows[:cut])), rows[cut:]


def test_predictions_beat_the_mean_by_far() -> None:
    train, held_out = rated()
    model = BiasedMatrixFactorization(BiasedMatrixFactorizationConfig(num_factors=4)).fit(train)
    truth = np.array([row[3] for row in held_out])  # type: ignore[misc]
    predicted = model.predict([row[0] for row in held_out], [row[1] for row in held_out])
    assert np.sqrt(np.mean((predicted - truth) ** 2)) < 0.4 * truth.std()


def test_predictions_stay_on_the_scale() -> None:
    train, _ = rated()
    model = BiasedMatrixFactorization().fit(train)
    users = [user for user in train.users.ids for _ in train.items.ids]
    predicted = model.predict(users, list(train.items.ids) * train.num_users)
    assert predicted.min() >= 1.0
    assert predicted.max() <= 5.0


def test_unknown_users_and_items_get_what_is_known_of_the_rest() -> None:
    model = BiasedMatrixFactorization(BiasedMatrixFactorizationConfig(bias_regularisation=1.0)).fit(
        Dataset.build(log_of([("u", "a", "rate", 5.0), ("v", "b", "rate", 1.0)]))
    )
    unknown, item_only = model.predict(["x", "x"], ["y", "a"])
    assert unknown == pytest.approx(3.0)
    assert item_only == pytest.approx(3.0 + 2.0 / 2.0)


def test_a_known_user_is_answered_by_predicted_rating_and_a_stranger_by_popularity() -> None:
    train, _ = rated()
    model = BiasedMatrixFactorization().fit(train)
    known, stranger = model.recommend([Query(user_id="u00"), Query(user_id="nobody")], k=3)
    assert not known.cold
    assert stranger.cold
    assert stranger.items[0].source == "popularity"
    assert "rate it about" in model.reason(Query(user_id="u00"), known.item_ids[0])


def test_data_without_ratings_is_refused_with_an_alternative() -> None:
    with pytest.raises(DataError, match="needs ratings") as caught:
        BiasedMatrixFactorization().fit(dataset_of({"u": "ab"}))
    assert "als" in caught.value.hint


def test_prediction_needs_an_item_for_each_user() -> None:
    train, _ = rated()
    with pytest.raises(ConfigError, match="2 users"):
        BiasedMatrixFactorization().fit(train).predict(["u00", "u01"], ["i00"])
