"""Suggested features: what matters is found, noise and planted futures are not, and what is printed can be used."""

import tomllib
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from leanrec.data.catalogue import Catalogue
from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_SCHEMA, EventLog
from leanrec.data.world import World, WorldConfig
from leanrec.errors import ConfigError, DataError, MissingExtraError
from leanrec.evaluation.outcomes import CHOOSE, LEARN, REPORT, outcome_of
from leanrec.features.tabular import TabularConfig
from leanrec.features.tabular_dataset import events_of, questions_of
from leanrec.features.tabular_proposals import propose
from leanrec.workflow.suggesting import Suggestions, suggest, to_toml

pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'leanrec[train]'")
pytest.importorskip("lightgbm", reason="needs LightGBM: pip install 'leanrec[train]'")

DAY = 86_400_000_000
NUM_ITEMS = 60


def dataset_of(rows: list[tuple[str, str, str, int, float | None]], **columns: object) -> Dataset:
    frame = pl.DataFrame(rows, schema={name: pl.Float32 if name == "value" else None for name in EVENT_SCHEMA}, orient="row")
    log = EventLog(frame=frame.select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items()), time_quality="exact")
    catalogue = pl.DataFrame({"item_id": [f"i{number:03d}" for number in range(NUM_ITEMS)], **columns})
    return Dataset.build(log, catalogue=Catalogue(frame=catalogue))


@pytest.fixture(scope="module")
def shop() -> Dataset:
    """People click on red things and on cheap things; the weight says nothing, and what is famous becomes so only later."""
    rng = np.random.default_rng(4)
    colours = rng.choice(["red", "blue", "green"], NUM_ITEMS)
    prices = np.round(rng.lognormal(3.0, 1.5, NUM_ITEMS), 2)
    logits = 2.0 * (colours == "red") - 1.5 * (np.log(prices) - 3.0) - 1.0
    rows: list[tuple[str, str, str, int, float | None]] = []
    for moment in range(2400):
        item = int(rng.integers(NUM_ITEMS))
        user, item_id, time = f"u{rng.integers(150)}", f"i{item:03d}", moment * DAY // 24
        rows.append((user, item_id, "impression", time, None))
        if rng.random() < 1 / (1 + np.exp(-logits[item])):
            rows.append((user, item_id, "click", time + 1, None))
    return dataset_of(rows, colour=colours.tolist(), price=prices, weight=rng.normal(size=NUM_ITEMS), note=["same"] * NUM_ITEMS)


@pytest.fixture(scope="module")
def suggested(shop: Dataset) -> Suggestions:
    return suggest(shop)


def test_what_matters_is_kept_and_noise_is_not_missed(suggested: Suggestions) -> None:
    worth = {each.name: each for each in suggested.tried}
    assert worth["price"].kind == "log"
    assert worth["price"].information.low > 0
    assert worth["colour"].information.low > 0
    assert worth["weight"].importance.value < worth["price"].importance.value / 5
    assert suggested.auc_of_kept is not None
    assert suggested.auc_of_kept.low > 0.7
    assert suggested.skipped == {"item.note": "one value throughout"}


def test_the_printed_toml_is_a_configuration(suggested: Suggestions) -> None:
    assert suggested.config.features
    assert TabularConfig.parse(tomllib.loads(to_toml(suggested.config))) == suggested.config


def test_every_declared_default_survives_the_toml(shop: Dataset) -> None:
    found = outcome_of(shop, rng=np.random.default_rng(0))
    table = questions_of(shop, user_rows=found.user_rows, item_rows=found.item_rows, times=found.times, past=events_of(shop))
    config = propose(table).config
    assert {"count", "rate", "since", "log", "category", "time-of-day"} <= {feature.kind for feature in config.features}
    assert TabularConfig.parse(tomllib.loads(to_toml(config))) == config


def test_a_label_that_only_later_events_tell_is_not_told(shop: Dataset) -> None:
    """Clicks are dealt out by a coin; each is followed at once by a buy, which a count of the whole log would give away."""
    rng = np.random.default_rng(1)
    rows: list[tuple[str, str, str, int, float | None]] = []
    for moment in range(1500):
        user, item_id, time = f"u{moment}", f"i{rng.integers(NUM_ITEMS):03d}", moment * DAY // 24
        rows.append((user, item_id, "impression", time, None))
        if rng.random() < 0.5:
            rows += [(user, item_id, kind, time + 1, None) for kind in ("click", "buy", "cart")]
    found = suggest(dataset_of(rows))
    assert found.auc_of_all.low < 0.5 < found.auc_of_all.high
    assert all(each.importance.value < 0.05 for each in found.tried)


def test_negatives_are_items_known_by_then_that_the_user_never_chose() -> None:
    dataset = World.generate(WorldConfig(num_users=60, num_items=50), seed=2).dataset
    found = outcome_of(dataset, kind="acts", rng=np.random.default_rng(0))
    is_act = dataset.column("event") != 0
    chosen = set(zip(dataset.column("user_row")[is_act].tolist(), dataset.column("item_row")[is_act].tolist(), strict=True))
    first = {}
    for item, time in zip(dataset.column("item_row")[is_act].tolist(), dataset.column("timestamp")[is_act].tolist(), strict=True):
        first[item] = min(time, first.get(item, time))
    for user, item, time, label in zip(found.user_rows.tolist(), found.item_rows.tolist(), found.times.tolist(), found.labels.tolist(), strict=True):
        assert ((user, item) in chosen) == bool(label)
        assert first[item] < time
    assert 0.2 <= found.labels.mean() < 0.3


def test_the_parts_of_the_time_follow_one_another(shop: Dataset) -> None:
    found = outcome_of(shop, rng=np.random.default_rng(0))
    assert found.kind == "clicks"
    newest = [found.times[found.rows(part)].max() for part in (LEARN, CHOOSE, REPORT)]
    oldest = [found.times[found.rows(part)].min() for part in (LEARN, CHOOSE, REPORT)]
    assert newest[0] < oldest[1] == found.cut
    assert newest[1] < oldest[2]


def test_a_click_answers_the_impression_before_it() -> None:
    rows: list[tuple[str, str, str, int, float | None]] = []
    for moment in range(1200):
        user, time = f"u{moment % 40}", moment * 2 * DAY
        rows.append((user, "i001", "impression", time, None))
        if moment % 2:
            rows.append((user, "i001", "click", time + DAY + (moment % 4 == 3), None))
    found = outcome_of(dataset_of(rows), rng=np.random.default_rng(0))
    moments = found.times // (2 * DAY)
    assert found.labels.tolist() == (moments % 4 == 1).astype(int).tolist()  # a click a day and a microsecond later is too late


def test_an_outcome_that_the_log_cannot_tell_is_refused(shop: Dataset) -> None:
    with pytest.raises(ConfigError, match=r"outcome 'ratings' cannot be told .*\nallowed here: clicks, acts, or auto"):
        outcome_of(shop, kind="ratings", rng=np.random.default_rng(0))
    with pytest.raises(DataError, match="do not say what came first"):
        outcome_of(replace(shop, time_quality="none"), rng=np.random.default_rng(0))
    few = shop.subset(np.arange(len(shop)) < 60)
    with pytest.raises(DataError, match="moments of one label"):
        outcome_of(few, kind="acts", rng=np.random.default_rng(0))


def test_without_lightgbm_the_package_is_named(shop: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leanrec.evaluation.feature_worth.find_spec", lambda name: None if name == "lightgbm" else name)
    with pytest.raises(MissingExtraError, match=r"needs lightgbm\npip install 'leanrec\[train\]'"):
        suggest(shop)
