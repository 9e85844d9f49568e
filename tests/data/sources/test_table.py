"""Strangers' tables are read whole, and what is wrong with them is said with file, place and remedy."""

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from leanrec.data.clean import clean
from leanrec.data.sources.columns import ColumnMapping
from leanrec.data.sources.opening import guess_columns, open_source, read
from leanrec.errors import ConfigError, DataError

HEADER = "user,item,event,time"


def rows(count: int = 200) -> list[str]:
    return [f"u{row % 9},i{row % 13},{'buy' if row % 5 == 0 else 'view'},{1_600_000_000 + row}" for row in range(count)]


def write(path: Path, lines: list[str], header: str = HEADER) -> str:
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return str(path)


def test_csv_jsonl_and_parquet_tell_the_same_events(tmp_path: Path) -> None:
    csv = write(tmp_path / "a.csv", rows())
    frame = pl.read_csv(csv)
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_ndjson(tmp_path / "a.jsonl")
    expected = read(csv).log.frame
    assert expected.height == 200
    for name in ("a.parquet", "a.jsonl"):
        assert read(str(tmp_path / name)).log.frame.equals(expected)


@pytest.mark.parametrize("delimiter", [";", "\t", "|", "::"])
def test_any_usual_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    path = write(tmp_path / "a.txt", [row.replace(",", delimiter) for row in rows()], HEADER.replace(",", delimiter))
    assert len(read(path).log) == 200


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_foreign_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join([HEADER, *(row.replace("u1", "Jürgen") for row in rows())]), encoding=encoding)
    assert "Jürgen" in read(str(path)).log.frame["user_id"].cast(pl.String).to_list()


def test_gzip_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress("\r\n".join([HEADER, *rows()]).encode()))
    assert len(read(str(path)).log) == 200


def test_a_folder_is_read_in_order_of_names(tmp_path: Path) -> None:
    write(tmp_path / "part-1.csv", rows()[100:])
    write(tmp_path / "part-0.csv", rows()[:100])
    whole = write(tmp_path.parent / f"{tmp_path.name}.csv", rows())
    assert read(str(tmp_path)).log.frame.equals(read(whole).log.frame)


def test_a_remote_store_is_read_through_fsspec(tmp_path: Path) -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    local = write(tmp_path / "a.csv", rows())
    pl.read_csv(local).write_parquet(tmp_path / "a.parquet")
    store.put(local, "/shop/a.csv")
    store.put(str(tmp_path / "a.parquet"), "/lake/a.parquet")
    expected = read(local).log.frame
    assert read("memory://shop").log.frame.equals(expected)
    assert read("memory://lake/a.parquet").log.frame.equals(expected)


def test_ties_in_time_keep_the_order_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [f"u,i{row},view,1600000000" for row in (5, 3, 9, 1)])
    assert read(path).log.frame["item_id"].cast(pl.String).to_list() == ["i5", "i3", "i9", "i1"]


def test_file_names_say_what_was_done_where_no_column_does(tmp_path: Path) -> None:
    for kind in ("view", "cart", "buy"):
        write(tmp_path / f"train_{kind}.csv", [f"u{row % 5},i{row % 7},{1_600_000_000 + row}" for row in range(50)], "user,item,time")
    counts = read(str(tmp_path)).log.frame["event"].value_counts().sort("event")
    assert counts["event"].cast(pl.String).to_list() == ["view", "cart", "buy"]
    assert counts["count"].to_list() == [50, 50, 50]


def test_foreign_event_words_are_ours_and_new_ones_can_be_stated(tmp_path: Path) -> None:
    words = ["pageview", "addtocart", "transaction", "wibble"]
    lines = [f"u{row % 9},i{row % 13},{words[row % 4] if row % 40 == 3 else words[row % 3]},{1_600_000_000 + row}" for row in range(400)]
    path = write(tmp_path / "a.csv", lines)
    reading = read(path)
    assert "event 'wibble' is unknown" in reading.quarantine.frame["reason"][0]
    told = read(path, columns=ColumnMapping(event_words={"wibble": "like"}))
    assert len(told.quarantine) == 0
    assert "like" in told.log.frame["event"].cast(pl.String).to_list()


def test_columns_that_repeat_with_the_item_become_the_catalogue(tmp_path: Path) -> None:
    lines = [f"u{row % 9},i{row % 13},Title {row % 13},{row % 13 * 1.5},A|B{row % 2 + row % 13},{row}" for row in range(300)]
    catalogue = read(write(tmp_path / "a.csv", lines, "user,item,title,price,genres,row_number")).catalogue
    assert catalogue is not None
    assert catalogue.frame.height == 13
    assert catalogue.title("i3") == "Title 3"
    assert catalogue.frame.schema["price"] == pl.Float64()
    assert "row_number" not in catalogue.frame.columns


def test_a_catalogue_file_stands_before_what_the_events_say(tmp_path: Path) -> None:
    events = write(tmp_path / "a.csv", [f"u{row % 9},i{row % 13},Old {row % 13}" for row in range(300)], "user,item,title")
    items = tmp_path / "items.jsonl"
    items.write_text("\n".join(json.dumps({"item_id": f"i{n}", "title": f"New {n}", "categories": [["A", "B"], ["A", "C"]]}) for n in range(15)))
    catalogue = read(events, catalogue=str(items)).catalogue
    assert catalogue is not None
    assert len(catalogue) == 15
    assert catalogue.title("i3") == "New 3"
    assert catalogue.values("i3", "categories") == ["A", "B", "C"]


def test_an_items_file_in_the_folder_of_the_events_is_its_catalogue(tmp_path: Path) -> None:
    write(tmp_path / "events.csv", rows())
    write(tmp_path / "items.csv", [f"i{number},Title {number}" for number in range(13)], "id,title")
    reading = read(str(tmp_path))
    assert len(reading.log) == 200
    assert reading.catalogue is not None
    assert reading.catalogue.title("i3") == "Title 3"


def test_bad_rows_are_set_aside_with_the_line_they_stand_on(tmp_path: Path) -> None:
    lines = rows()
    lines[9] = "u1,,view,1600000000"
    lines[19] = ",i1,view,1600000000"
    lines[29] = "u1,i1,view,yesterday"
    lines[39] = "u1,i1,view,1600000000,surplus"
    lines.insert(3, "")
    reading = read(write(tmp_path / "a.csv", lines))
    found = dict(zip(reading.quarantine.frame["line"].to_list(), reading.quarantine.frame["reason"].to_list(), strict=True))
    assert sorted(found) == [12, 22, 32, 42]
    assert "item" in found[12]
    assert "user" in found[22]
    assert "time" in found[32]
    assert "fields" in found[42]
    assert len(reading.log) == 196
    assert set(reading.quarantine.frame["file"]) == {str(tmp_path / "a.csv")}


def test_lines_stay_true_after_line_ends_inside_quotes(tmp_path: Path) -> None:
    lines = ['u1,i1,"two\nlines",1600000000'] * 10 + ["u2,,x,1600000001"]
    reading = read(write(tmp_path / "a.csv", [*lines, *rows()], "user,item,note,time"), columns=ColumnMapping(user="user", item="item"))
    assert reading.quarantine.frame["line"].to_list() == [22]


def test_a_quote_that_never_closes_costs_its_own_line_only(tmp_path: Path) -> None:
    lines = rows()
    lines[50] = 'u1,"i1,view,1600000000'
    reading = read(write(tmp_path / "a.csv", lines))
    assert reading.quarantine.frame["line"].to_list() == [52]
    assert len(reading.log) == 199


def test_broken_json_lines_are_set_aside_with_their_line(tmp_path: Path) -> None:
    lines = [json.dumps({"user": f"u{row % 9}", "item": row % 13, "time": 1_600_000_000 + row}) for row in range(200)]
    lines[100] = '{"user": "u1", "item":'
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines))
    reading = read(str(path))
    assert reading.quarantine.frame["line"].to_list() == [101]
    assert len(reading.log) == 199


def test_up_to_max_bad_the_run_goes_on_and_above_it_stops_naming_the_place(tmp_path: Path) -> None:
    lines = rows(1000)
    lines[100:108] = ["u1,,view,1600000000"] * 8
    assert len(clean(read(write(tmp_path / "few.csv", lines))).quarantine) == 8
    lines[100:120] = ["u1,,view,1600000000"] * 20
    with pytest.raises(DataError, match=r"many.csv, line 102: item id is missing") as caught:
        clean(read(write(tmp_path / "many.csv", lines)))
    assert "max_bad" in caught.value.hint


def test_a_missing_column_is_named_with_those_found(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", rows())
    with pytest.raises(DataError, match="no column 'customer'") as caught:
        read(path, columns=ColumnMapping(user="customer"))
    assert "user" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", b""), ("a.csv", b"\n\n \n"), ("a.csv", b"user,item,time\n"), ("a.jsonl", b""), ("a.parquet", b"")]
)
def test_an_empty_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"empty|no events") as caught:
        read(str(tmp_path / name))
    assert name in caught.value.message


def test_an_all_duplicate_log_leaves_nothing_to_learn_from(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["u1,i1,view,1600000000"] * 100)
    with pytest.raises(DataError, match=r"1 events of 1 users and 1 items are left \(duplicates: 99 of 100 rows\)"):
        clean(read(path))


def test_a_year_58000_among_good_times_is_set_aside(tmp_path: Path) -> None:
    lines = rows()
    lines[7] = "u1,i1,view,1768000000000"
    reading = read(write(tmp_path / "a.csv", lines))
    assert reading.quarantine.frame["line"].to_list() == [9]
    assert "between the years 1971 and 2100" in reading.quarantine.frame["reason"][0]


def test_a_column_of_the_year_58000_is_refused(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": ["a", "b"] * 50, "item": ["x", "y"] * 50, "time": [1_768_000_000_000_000_000 + row for row in range(100)]})
    frame.with_columns(pl.col("time").cast(pl.Datetime("us"))).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a.parquet, line 1: time is not between the years 1971 and 2100"):
        clean(read(str(tmp_path / "a.parquet")))


def test_numbers_that_are_no_clock_in_any_unit_are_refused_when_stated(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [f"u{row},i{row},view,{row}" for row in range(100)])
    with pytest.raises(DataError, match="outside 1971-2100") as caught:
        read(path, columns=ColumnMapping(timestamp="time"))
    assert "columns.time=none" in caught.value.hint


def test_float32_timestamps_are_refused_with_the_reason(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": ["a", "b"], "item": ["x", "y"], "time": pl.Series([1.6e9, 1.6e9], dtype=pl.Float32)})
    frame.write_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a.parquet, column 'time': timestamps are float32"):
        read(str(tmp_path / "a.parquet"))


def test_a_line_of_200_mb_is_refused_without_being_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.write(("\n".join([HEADER, *rows()]) + "\n").encode())
        for _ in range(200):
            file.write(b"x" * 1_000_000)
    with pytest.raises(DataError, match=r"a.csv, line 202: the line is longer than 16 MB"):
        read(str(path))


def test_binary_junk_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(np.random.default_rng(0).bytes(100_000))
    with pytest.raises(DataError, match="is no text file"):
        read(str(path))


@pytest.mark.parametrize(("magic", "word"), [(b"PK\x03\x04rest", "zip"), (b"SQLite format 3\x00", "SQLite"), (b'[{"a": 1}]', "JSON array")])
def test_known_foreign_formats_are_named(tmp_path: Path, magic: bytes, word: str) -> None:
    (tmp_path / "a.csv").write_bytes(magic)
    with pytest.raises(DataError, match=word):
        read(str(tmp_path / "a.csv"))


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"user": ["a", "b"] * 5000, "item": ["x", "y"] * 5000, "time": range(10_000)}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"a.parquet: the Parquet file is cut short or damaged"):
        read(str(path))


def test_a_truncated_gzip_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    noise = np.random.default_rng(0).integers(0, 10**9, 50_000)
    whole = gzip.compress("\n".join([HEADER, *(f"u{n},i{n % 7},view,{1_600_000_000 + n % 999}" for n in noise)]).encode())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cut short"):
        read(str(path))


def test_a_path_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match=r"no file or folder at nowhere\.csv"):
        read("nowhere.csv")


def test_a_mapping_that_cannot_take_effect_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "sequences.txt").write_text("u1 a b c\n")
    with pytest.raises(ConfigError, match="cannot take effect"):
        open_source(str(tmp_path), columns=ColumnMapping(kind="buy"))


def test_the_guess_is_shown_without_reading_the_table(tmp_path: Path) -> None:
    guess = guess_columns(write(tmp_path / "a.csv", rows()))
    assert guess is not None
    assert guess.mapping.stated == {"user": "user", "item": "item", "event": "event", "timestamp": "time"}
