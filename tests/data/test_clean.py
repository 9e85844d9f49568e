"""Every step of cleaning does what it says, counts it, and by default takes nothing that might be true."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanrec.data.catalogue import Catalogue
from leanrec.data.catalogue_cleaning import flag_missing, impute_missing, normalise_texts
from leanrec.data.clean import Cleaned, CleaningConfig, clean
from leanrec.data.events import EVENT_SCHEMA, EventLog
from leanrec.data.log_cleaning import in_core, is_distinct
from leanrec.data.quarantine import Quarantine
from leanrec.data.sources.protocol import Reading
from leanrec.errors import ConfigError, DataError

START = 1_600_000_000_000_000
Row = tuple[str, str, str, int, float | None]


def make_log(rows: list[Row], time_quality: str = "exact") -> EventLog:
    frame = pl.DataFrame(rows, schema=list(EVENT_SCHEMA), orient="row", infer_schema_length=None)
    return EventLog(frame=frame.select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items()), time_quality=time_quality)  # type: ignore[arg-type]  # a plain word


def ordinary(count: int = 300) -> list[Row]:
    return [(f"u{row % 20}", f"i{row % 17}", "view", START + row * 60_000_000, None) for row in range(count)]


def cleaned(rows: list[Row], time_quality: str = "exact", **settings: object) -> Cleaned:
    return clean(Reading(log=make_log(rows, time_quality)), CleaningConfig(**settings))


def step(result: Cleaned, name: str) -> int:
    return next(part.removed for part in result.steps if part.name.startswith(name))


def test_ordinary_events_pass_untouched() -> None:
    result = cleaned(ordinary())
    assert len(result.log) == 300
    assert all(part.removed == 0 and part.changed == 0 for part in result.steps)


def test_exact_duplicates_keep_the_first_and_near_ones_stay() -> None:
    first: Row = ("u1", "i1", "view", START, 1.0)
    near: list[Row] = [
        ("u1", "i1", "view", START, 2.0),
        ("u1", "i1", "buy", START, 1.0),
        ("u1", "i2", "view", START, 1.0),
        ("u1", "i1", "view", START, None),
    ]
    result = cleaned([first, *near, first, *ordinary(), first])
    assert step(result, "duplicates") == 2
    assert result.log.frame.head(5).equals(make_log([first, *near]).frame)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from(["view", "buy"]), st.integers(0, 2), st.sampled_from([None, 1.0, 2.0])
        )
    )
)
def test_duplicates_agree_with_a_plain_set(rows: list[Row]) -> None:
    mask = is_distinct(make_log(rows))
    seen: set[Row] = set()
    expected = [not (row in seen or seen.add(row)) for row in rows]  # type: ignore[func-returns-value]  # add gives None
    assert (mask.to_list() if mask is not None else [True] * len(rows)) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=60), st.integers(1, 4), st.integers(1, 4))
def test_the_k_core_agrees_with_peeling_by_hand(pairs: list[tuple[int, int]], user: int, item: int) -> None:
    mask = in_core(make_log([(f"u{a}", f"i{b}", "view", START, None) for a, b in pairs]), user=user, item=item)
    kept = list(range(len(pairs)))
    while True:
        users, items = Counter(pairs[row][0] for row in kept), Counter(pairs[row][1] for row in kept)
        still = [row for row in kept if users[pairs[row][0]] >= user and items[pairs[row][1]] >= item]
        if still == kept:
            break
        kept = still
    assert (np.flatnonzero(mask.to_numpy()).tolist() if mask is not None else list(range(len(pairs)))) == kept


def test_impossible_values_are_set_aside_with_their_row() -> None:
    rows = [(user, item, "rate", time, float(row % 5 + 1)) for row, (user, item, _, time, _) in enumerate(ordinary(1000))]
    rows[10] = ("u1", "i1", "rate", 1_768_000_000_000_000_000, 4.0)
    rows[20] = ("u1", "i1", "rate", START, 999.0)
    rows[30] = ("u1", "i1", "rate", START, float("inf"))
    result = cleaned(rows)
    assert len(result.log) == 997
    assert result.quarantine.frame["line"].to_list() == [11, 21, 31]
    assert [reason.split()[0] + reason.split()[1] for reason in result.quarantine.frame["reason"]] == ["timeis", "therating", "thevalue"]


def test_a_scale_of_half_stars_has_no_far_ratings() -> None:
    rows = [("u" + str(row % 20), "i" + str(row), "rate", START + row, [0.5, 5.0, 4.0, 4.5][row % 4]) for row in range(400)]
    assert step(cleaned(rows), "impossible") == 0  # type: ignore[arg-type]  # rows are rows


def test_too_many_bad_rows_stop_the_run_with_the_first_of_them() -> None:
    aside = Quarantine(frame=pl.DataFrame({"file": ["a.csv"] * 9, "line": range(2, 11), "reason": ["no item"] * 9, "content": ["u1,"] * 9}))
    reading = Reading(log=make_log(ordinary(300)), quarantine=aside)
    with pytest.raises(DataError, match=r"9 of 309 rows .*2\.9%; allowed: 1\.0%.*a\.csv, line 2: no item: 'u1,'"):
        clean(reading)
    assert len(clean(reading, CleaningConfig(max_bad=0.05)).quarantine) == 9


def bots() -> list[Row]:
    hammer: list[Row] = [("hammer", "i1", "view", START + row * 37_000_000 + row % 7 * 1_000_000, None) for row in range(700)]
    clockwork: list[Row] = [("clock", f"i{row % 17}", "view", START + row * 60_000_000, None) for row in range(700)]
    hasty: list[Row] = [("hasty", f"i{row % 17}", "view", START + row * row % 80_000 * 1_000_000, None) for row in range(6000)]
    return [*hammer, *clockwork, *hasty]


def test_bots_are_flagged_by_default_and_removed_on_request() -> None:
    rows = [*ordinary(), *bots()]
    flagged = cleaned(rows, duplicates=False)
    assert set(flagged.bots) == {"hammer", "clock", "hasty"}
    assert len(flagged.log) == len(rows)
    removed = cleaned(rows, duplicates=False, bots="remove")
    assert removed.log.num_users == 20
    assert step(removed, "bots") == 7400


def test_a_person_who_rates_hundreds_of_films_in_an_evening_is_no_bot() -> None:
    rng = np.random.default_rng(0)
    times = START + np.cumsum(rng.integers(0, 40, 2000)) * 1_000_000
    rows: list[Row] = [("fan", f"film{row}", "rate", int(time), 4.0) for row, time in enumerate(times)]
    assert cleaned([*ordinary(), *rows]).bots == {}


def test_texts_are_made_plain_and_counted() -> None:
    frame = pl.DataFrame(
        {"item_id": ["a", "b", "c"], "title": ["Tom &amp; Jerry", "ﬁlm\x00  noir ", "plain"], "tags": [["R&amp;B", "R&B"], [], None]}
    )
    catalogue, changed = normalise_texts(Catalogue(frame=frame))
    assert catalogue.frame["title"].to_list() == ["Tom & Jerry", "film noir", "plain"]
    assert catalogue.frame["tags"].to_list() == [["R&B"], [], None]
    assert changed == 2


def test_ids_are_never_rewritten() -> None:
    catalogue, _ = normalise_texts(Catalogue(frame=pl.DataFrame({"item_id": ["a &amp; b", "ﬁ"]})))
    assert catalogue.frame["item_id"].to_list() == ["a &amp; b", "ﬁ"]


def test_missing_values_are_flagged_or_filled_as_asked() -> None:
    frame = pl.DataFrame(
        {"item_id": ["a", "b", "c"], "title": ["x", None, "z"], "price": [1.0, None, 3.0], "tags": [["t"], None, []], "year": [1999, None, 2001]}
    )
    flagged = flag_missing(Catalogue(frame=frame)).frame
    assert flagged["price_missing"].to_list() == [0, 1, 0]
    filled = impute_missing(Catalogue(frame=frame)).frame.row(1, named=True)
    assert filled == {"item_id": "b", "title": "unknown", "price": 2.0, "tags": [], "year": 2000}


def test_too_small_a_core_says_what_removed_it() -> None:
    with pytest.raises(DataError, match=r"k-core \(100 events a user"):
        cleaned(ordinary(), min_user_events=100)


def test_a_misspelt_key_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'duplicates'"):
        CleaningConfig.parse({"duplicate": False}, where="run.toml")


def test_the_report_is_plain_data() -> None:
    report = cleaned(ordinary()).to_dict()
    assert report["steps"][0] == {"name": "unreadable rows", "rows_before": 300, "removed": 0, "changed": 0, "note": ""}
    assert report["quarantine"] == {}
