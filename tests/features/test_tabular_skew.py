"""Features of whole columns and of single rows are the same bits, for every transform; and no row sees its future."""

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanrec.data.catalogue import Catalogue
from leanrec.data.dataset import Dataset
from leanrec.data.description import ItemDescription
from leanrec.data.events import EVENT_SCHEMA, EventLog
from leanrec.data.world import World, WorldConfig
from leanrec.features.event_rates import KINDS
from leanrec.features.tabular import TabularConfig, TabularFeatures
from leanrec.features.tabular_dataset import events_of, questions_of
from leanrec.features.tabular_table import Situation, Table

ITEM_FEATURES: list[dict[str, Any]] = [
    {"name": "price", "kind": "standardise", "column": "price"},
    {"name": "log price", "kind": "log", "column": "price", "missing": "flag"},
    {"name": "title length", "kind": "text-length", "column": "title"},
    {"name": "price bucket", "kind": "bucketise", "column": "price", "buckets": 7},
    {"name": "brand", "kind": "category", "column": "brand"},
    {"name": "id", "kind": "hash", "column": "item_id", "buckets": 64},
    {"name": "category", "kind": "multi-hot", "column": "category"},
    {"name": "place", "kind": "position", "column": "price", "within": "category"},
    {"name": "launch", "kind": "recency", "column": "launch_day", "unit": "days"},
    {"name": "brand and price", "kind": "cross", "of": ["brand", "price bucket"]},
]
CLOCK_FEATURES: list[dict[str, Any]] = [
    {"name": "hour", "kind": "time-of-day"},
    {"name": "weekday", "kind": "time-of-week", "form": "code"},
    {"name": "brand by hour", "kind": "cross", "of": ["brand", "hour"]},
]
ASKER_FEATURES: list[dict[str, Any]] = [
    {"name": "age", "kind": "standardise", "source": "user", "column": "age"},
    {"name": "country", "kind": "category", "source": "user", "column": "country", "min_count": 1},
    {"name": "device", "kind": "category", "source": "context", "column": "device", "values": ["phone", "desk"]},
    {"name": "page", "kind": "hash", "source": "context", "column": "page", "buckets": 16},
    {"name": "basket", "kind": "bucketise", "source": "context", "column": "basket", "edges": [10.0, 50.0]},
]
EVENT_FEATURES: list[dict[str, Any]] = [
    {"name": "clicks", "kind": "count", "events": ["click"]},
    {"name": "clicks lately", "kind": "count", "events": ["click"], "half_life_days": 3},
    {"name": "click rate", "kind": "rate", "events": ["click"], "per": ["impression"], "half_life_days": 10},
    {"name": "own taste", "kind": "count", "events": ["click", "buy"], "by": ["user", "item.category"], "half_life_days": 5, "missing": "flag"},
    {"name": "last act", "kind": "since", "by": ["user"]},
]
EVERYTHING = TabularConfig.parse({"features": [*ITEM_FEATURES, *CLOCK_FEATURES, *ASKER_FEATURES, *EVENT_FEATURES]})


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    world = World.generate(WorldConfig(num_users=20, num_items=40, visits_per_user=4), seed=3)
    users = pl.DataFrame({"user_id": list(world.dataset.users.ids)}).with_columns(
        age=pl.int_range(pl.len()) % 7 + 20.5, country=pl.Series(["se", "de", None, "fr"] * 5)
    )
    return Dataset.build(world.log, catalogue=world.catalogue, user_attributes=users)


@pytest.fixture(scope="module")
def asked(dataset: Dataset) -> Table:
    """Every impression is a question at its time."""
    shown = np.flatnonzero(dataset.column("event") == KINDS.index("impression"))
    order = shown[np.argsort(dataset.column("timestamp")[shown], kind="stable")]
    rows = [dataset.column(name)[order] for name in ("user_row", "item_row", "timestamp")]
    return questions_of(dataset, user_rows=rows[0], item_rows=rows[1], times=rows[2], past=events_of(dataset))


def situation_of(table: Table, row: int, *, items: dict[str, ItemDescription]) -> Situation:
    """A row as a server hears of it: through JSON."""
    values = {place: column.values[int(column.rows[row])] for place, column in table.columns.items()}
    user = {name: value for (source, name), value in values.items() if source == "user" and name != "user_id" and value is not None}
    heard = json.loads(json.dumps({"user": user, "time": int(table.times[row])}))
    return Situation(item=items[str(values["item", "item_id"])], user_id=str(values["user", "user_id"]), **heard)


def assert_same(found: Any, expected: Any) -> None:
    assert found.dense.tobytes() == expected.dense.tobytes()
    assert found.codes.tobytes() == expected.codes.tobytes()


def test_a_replayed_log_gives_the_bits_of_the_whole_table(dataset: Dataset, asked: Table) -> None:
    """Online: the log runs event by event, and every question is asked when its time has come, with earlier events known."""
    items = {item.item_id: item for item in dataset.catalogue.descriptions()}
    offline = TabularFeatures.fit(EVERYTHING, asked)
    expected = offline.transform(asked)
    past = asked.past
    assert past is not None
    order = np.argsort(past.times, kind="stable")
    beginning = Table(times=past.times[:0], columns=past.take(order[:0]).columns, kinds=np.zeros(0, np.int64))
    online = without_memory(offline, beginning)
    fed = 0
    for row in range(0, len(asked), 7):
        now = int(np.searchsorted(past.times[order], asked.times[row]))
        if now > fed:
            online, fed = online.with_events(past.take(order[fed:now])), now
        found = online.transform_row(situation_of(asked, row, items=items))
        assert found.dense[0].tobytes() == expected.dense[row].tobytes(), found.dense_names
        assert found.codes[0].tobytes() == expected.codes[row].tobytes()


def without_memory(features: TabularFeatures, nothing: Table) -> TabularFeatures:
    """The same scales, with every count at its beginning."""
    arrays = features.to_arrays()
    empty = TabularFeatures.fit(features.config, nothing_asked(features, nothing)).to_arrays()
    kept = {name: array for name, array in arrays.items() if name.split(".", 1)[1] in ("scale", "prior") or name not in empty}
    counted = {name: array for name, array in empty.items() if name.split(".")[1].isdigit()}
    return TabularFeatures.from_arrays(features.config, {**arrays, **kept, **counted})


def nothing_asked(features: TabularFeatures, nothing: Table) -> Table:
    return Table(times=nothing.times, columns=nothing.columns, past=nothing)


NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-9, 9).map(float))
WORDS = st.one_of(st.none(), st.text(max_size=4), st.sampled_from(["a", "b", "c"]))
LISTS = st.one_of(st.none(), st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=4))
ROWS = st.lists(
    st.fixed_dictionaries(
        {"price": NUMBERS, "title": WORDS, "brand": WORDS, "category": LISTS, "launch_day": st.one_of(st.none(), st.floats(-1e5, 1e5))}
    ),
    min_size=1,
    max_size=12,
)
TIMES = st.lists(st.one_of(st.none(), st.integers(0, 2**53)), min_size=12, max_size=12)


@settings(max_examples=60, deadline=None)
@given(ROWS, TIMES, st.lists(st.fixed_dictionaries({"device": WORDS, "page": WORDS, "basket": WORDS}), min_size=12, max_size=12))
def test_one_row_has_the_bits_of_its_place_in_a_column(rows: list[dict[str, Any]], times: list[int | None], contexts: list[dict[str, Any]]) -> None:
    """Whatever the values are: huge, tiny, empty, strange letters, text where figures should be; and after JSON."""
    situations = [
        Situation(
            item=ItemDescription(
                item_id=str(row), title=values["title"], attributes={k: v for k, v in values.items() if v is not None and k != "title"}
            ),
            context={name: value for name, value in contexts[row].items() if value is not None},
            time=times[row],
        )
        for row, values in enumerate(rows)
    ]
    config = TabularConfig.parse({"features": [*ITEM_FEATURES, *CLOCK_FEATURES, *ASKER_FEATURES[2:]]})
    table = Table.of_situations(situations, config.places)
    features = TabularFeatures.fit(config, Table.of_situations(situations, [place for place in config.places if place[0] == "item"]))
    whole = features.transform(table)
    assert np.isfinite(whole.dense).all()
    assert (whole.codes < np.array(whole.cardinalities)).all()
    for row, situation in enumerate(situations):
        assert situation.item is not None
        heard = json.loads(json.dumps({"title": situation.item.title, "attributes": dict(situation.item.attributes)}))
        item = ItemDescription(item_id=str(row), **heard)
        alone = features.transform_row(Situation(item=item, context=json.loads(json.dumps(dict(situation.context))), time=situation.time))
        assert alone.dense[0].tobytes() == whole.dense[row].tobytes()
        assert alone.codes[0].tobytes() == whole.codes[row].tobytes()


def test_candidates_of_one_question_have_the_bits_of_single_rows(dataset: Dataset, asked: Table) -> None:
    features = TabularFeatures.fit(EVERYTHING, asked)
    items = dataset.catalogue.descriptions()
    question = Situation(user_id="u00003", user={"age": 22.5, "country": "de"}, context={"device": "phone"}, time=int(asked.times[-1]) + 99)
    together = features.transform(Table.of_items(items, EVERYTHING.places, asked=question))
    for row, item in enumerate(items):
        alone = features.transform_row(
            Situation(item=item, user_id=question.user_id, user=question.user, context=question.context, time=question.time)
        )
        assert alone.dense[0].tobytes() == together.dense[row].tobytes()


# A planted future: item i1 is clicked only after every question, and each label leaves a click at the question's own time.

DAY = 86_400_000_000
NUM_QUESTIONS = 40


@pytest.fixture(scope="module")
def planted() -> tuple[Dataset, Table, np.ndarray]:
    """Users are shown i0 or i1 and click at once where the label is 1, by the toss of a coin; i1 has its thousand clicks later."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, NUM_QUESTIONS)
    item = [f"i{number % 2}" for number in range(NUM_QUESTIONS)]
    rows = [(f"u{number}", item[number], "click", number * DAY, None) for number in range(NUM_QUESTIONS) if labels[number]]
    rows += [(f"late{number}", "i1", "click", (NUM_QUESTIONS + 1) * DAY + number, None) for number in range(1000)]
    rows += [(f"u{number}", item[number], "view", 0, None) for number in range(NUM_QUESTIONS)]
    frame = pl.DataFrame(rows, schema={name: pl.Float32 if name == "value" else None for name in EVENT_SCHEMA}, orient="row")
    log = EventLog(frame=frame.select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items()), time_quality="exact")
    dataset = Dataset.build(log, catalogue=Catalogue.of_ids(["i0", "i1"]))
    users = dataset.users.rows([f"u{number}" for number in range(NUM_QUESTIONS)])
    times = np.arange(NUM_QUESTIONS) * DAY
    table = questions_of(dataset, user_rows=users, item_rows=dataset.items.rows(item), times=times, past=events_of(dataset))
    return dataset, table, labels


def sees_the_future(figures: np.ndarray, labels: np.ndarray, is_late_item: np.ndarray) -> bool:
    """Whether the figures tell the coin's toss, or that one item will be popular later."""
    tells_label = abs(figures[labels == 1, 0].mean() - figures[labels == 0, 0].mean()) > 0.3
    tells_later = figures[is_late_item, 1].mean() > 3 * figures[~is_late_item, 1].mean() + 1
    return bool(tells_label or tells_later)


COUNTS = TabularConfig.parse(
    {
        "features": [
            {"name": "of the user", "kind": "count", "events": ["click"], "by": ["user"]},
            {"name": "of the item", "kind": "count", "events": ["click"], "by": ["item"]},
        ]
    }
)


def test_a_planted_future_is_not_seen(planted: tuple[Dataset, Table, np.ndarray]) -> None:
    """The same check catches counts that are taken over the whole log."""
    dataset, table, labels = planted
    is_late_item = table.columns["item", "item_id"].rows == dataset.items.row("i1")
    features = TabularFeatures.fit(COUNTS, table)
    honest = np.stack([part.figures(table) for part in features.fitted], axis=1)  # type: ignore[attr-defined]
    whole_log = Table(times=np.full(len(table), 10_000 * DAY), columns=table.columns, past=table.past)
    wrong = np.stack([part.figures(whole_log) for part in features.fitted], axis=1)  # type: ignore[attr-defined]
    assert not sees_the_future(honest, labels, is_late_item)
    assert sees_the_future(wrong, labels, is_late_item)
    own_count, item_count = honest.T
    assert (own_count == 0).all()
    assert np.expm1(item_count).round().tolist() == [sum(labels[other] for other in range(row % 2, row, 2)) for row in range(NUM_QUESTIONS)]


def test_adding_later_events_changes_no_row(planted: tuple[Dataset, Table, np.ndarray]) -> None:
    _, table, _ = planted
    assert table.past is not None
    earlier = table.past.take(np.flatnonzero(table.past.times <= NUM_QUESTIONS * DAY))
    features = TabularFeatures.fit(COUNTS, table)
    shorter = Table(times=table.times, columns=table.columns, past=earlier)
    assert_same(features.transform(shorter), features.transform(table))
