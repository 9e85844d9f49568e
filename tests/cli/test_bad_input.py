"""Bad input ends with exit code 1, a message that names file, place, what is allowed and what to do, and nothing half-written."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from leanrec.cli import main

Run = Callable[..., str]

ORDERS = "customer,product,bought_at\n" + "".join(
    f"c{number % 40},p{number * 7 % 23},2024-0{1 + number % 6}-{1 + number % 28:02d}T10:00:{number % 60:02d}\n" for number in range(600)
)


@pytest.fixture
def fails(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command that must fail with code 1 and write nothing; the message."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        before = sorted(path.as_posix() for path in tmp_path.rglob("*"))
        with pytest.raises(SystemExit) as stopped:
            main(list(arguments))
        assert stopped.value.code == 1
        assert sorted(path.as_posix() for path in tmp_path.rglob("*")) == before, "something was half-written"
        message = " ".join(capsys.readouterr().err.split())
        assert "error: " in message
        assert "hint: " in message
        assert "Traceback" not in message
        return message.partition("error: ")[2]

    return run


@pytest.fixture
def model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    (tmp_path / "orders.csv").write_text(ORDERS)
    with pytest.raises(SystemExit) as stopped:
        main(["fit", str(tmp_path / "orders.csv"), "--to", str(tmp_path / "model"), "--recommender", "cooccurrence"])
    assert stopped.value.code == 0
    capsys.readouterr()
    return tmp_path / "model"


def test_no_such_file(fails: Run) -> None:
    assert "missing.csv" in fails("fit", "missing.csv", "--to", "model")


def test_a_missing_column_names_the_columns_there_are(fails: Run, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS)
    message = fails("fit", "orders.csv", "--to", "model", "--set", "columns.user=custommer")
    assert "orders.csv" in message
    assert "'custommer'" in message
    assert "did you mean 'customer'" in message


def test_an_empty_file(fails: Run, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("")
    assert "orders.csv" in fails("fit", "orders.csv", "--to", "model")
    (tmp_path / "orders.csv").write_text("user,item,time\n")
    assert "orders.csv" in fails("fit", "orders.csv", "--to", "model")


def test_a_log_of_duplicates_only(fails: Run, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("user,item,time\n" + "u1,i1,2024-01-01\n" * 50)
    message = fails("fit", "orders.csv", "--to", "model")
    assert "duplicates: 49 of 50 rows" in message


def test_too_many_bad_rows(fails: Run, tmp_path: Path) -> None:
    good = "".join(f"u{number % 9},i{number % 7},2024-01-{1 + number % 28:02d}\n" for number in range(90))
    (tmp_path / "orders.csv").write_text("user,item,time\n" + good + "u1,i2,not a time\n" * 10)
    message = fails("fit", "orders.csv", "--to", "model")
    assert "10 of 100 rows" in message
    assert "allowed: 1.0%" in message
    assert "line 92" in message


def test_a_year_58000(fails: Run, tmp_path: Path) -> None:
    seconds = "".join(f"u{number % 9},i{number % 7},{1_768_000_000 + number}\n" for number in range(80))
    milliseconds = "".join(f"u{number % 9},i{number % 7},{1_768_000_000_000 + number}\n" for number in range(20))
    (tmp_path / "log.csv").write_text("user,item,time\n" + seconds + milliseconds)
    message = fails("fit", "log.csv", "--to", "model")
    assert "20 of 100 rows" in message
    assert "log.csv, line 82" in message
    assert "1971" in message


def test_a_line_of_200_megabytes(fails: Run, tmp_path: Path) -> None:
    with (tmp_path / "log.csv").open("wb") as file:
        file.write(b"user,item,time\nu1,i1,2024-01-01\n")
        for _ in range(200):
            file.write(b"x" * 1_000_000)
    message = fails("fit", "log.csv", "--to", "model")
    assert "log.csv" in message
    assert "line 3" in message


def test_binary_junk(fails: Run, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(bytes(range(256)) * 64)
    assert "log.csv" in fails("fit", "log.csv", "--to", "model")


def test_a_truncated_parquet_file(fails: Run, tmp_path: Path) -> None:
    pl.DataFrame({"user": ["a", "b"], "item": ["x", "y"], "time": [1_700_000_000, 1_700_000_100]}).write_parquet(tmp_path / "log.parquet")
    content = (tmp_path / "log.parquet").read_bytes()
    (tmp_path / "log.parquet").write_bytes(content[: len(content) // 2])
    assert "log.parquet" in fails("fit", "log.parquet", "--to", "model")


def test_a_truncated_gzip_file(fails: Run, tmp_path: Path) -> None:
    content = gzip.compress(ORDERS.encode())
    (tmp_path / "orders.csv.gz").write_bytes(content[: len(content) // 2])
    assert "orders.csv.gz" in fails("fit", "orders.csv.gz", "--to", "model")


def test_a_split_that_leaves_nothing(fails: Run, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item,time\n" + "".join(f"u{number},i{number % 3},2024-01-01\n" for number in range(30)))
    message = fails("fit", "log.csv", "--to", "model")
    assert "leaves" in message


def test_an_unknown_item_names_the_nearest(fails: Run, model: Path) -> None:
    assert "item 'p222' is unknown" in fails("similar", str(model), "p222")
    assert "item 'q' is unknown" in fails("explain", str(model), "q", "--user", "c1")
    assert "item 'q' is unknown" in fails("recommend", str(model), "--history", "p1,q")


def test_a_damaged_an_edited_and_a_newer_artifact(fails: Run, model: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(model, tmp_path / "damaged")
    arrays = damaged / "recommender" / "arrays.safetensors"
    arrays.write_bytes(arrays.read_bytes()[:-9])
    assert "damaged" in fails("recommend", str(damaged), "--user", "c1")
    edited = shutil.copytree(model, tmp_path / "edited")
    manifest = edited / "manifest.json"
    manifest.write_text(manifest.read_text().replace("cooccurrence", "popularity"))
    assert "edited" in fails("recommend", str(edited), "--user", "c1")
    newer = shutil.copytree(model, tmp_path / "newer")
    manifest = newer / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format_version": 7}))
    message = fails("recommend", str(newer), "--user", "c1")
    assert "format 7" in message
    assert "install a newer leanrec" in message


def test_a_misspelt_key_in_the_settings(fails: Run, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS)
    (tmp_path / "run.toml").write_text("[split]\nvalid_fractoin = 0.2\n")
    message = fails("fit", "orders.csv", "--config", "run.toml", "--to", "model")
    assert "run.toml: unknown key 'split.valid_fractoin'" in message
    assert "did you mean 'valid_fraction'" in message
    (tmp_path / "run.toml").write_text("[configs.ease]\nregularization = 3\n")
    message = fails("fit", "orders.csv", "--config", "run.toml", "--to", "model")
    assert "did you mean 'regularisation'" in message


def test_a_misspelt_recommender(fails: Run, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS)
    assert "did you mean 'cooccurrence'" in fails("fit", "orders.csv", "--recommender", "coocurrence", "--to", "model")


def test_k_below_one(fails: Run, model: Path) -> None:
    assert "k is 0; allowed: 1 or more" in fails("recommend", str(model), "--user", "c1", "--k", "0")
    assert "k is -3" in fails("similar", str(model), "p1", "--k", "-3")


def test_a_filter_on_an_attribute_that_is_not_there(fails: Run, model: Path) -> None:
    assert "no attribute 'genre'" in fails("recommend", str(model), "--user", "c1", "--where", "genre=Comedy")


def test_a_folder_that_is_not_ours_is_not_overwritten(fails: Run, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    assert "nothing was overwritten" in fails("fit", "orders.csv", "--recommender", "popularity", "--to", "photos")


def test_a_budget_that_holds_no_closed_form(fails: Run, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS)
    message = fails("fit", "orders.csv", "--recommender", "ease", "--memory", "0.000001", "--to", "model")
    assert "budget allows" in message


@pytest.mark.parametrize("flag", ["--minutes", "--memory"])
@pytest.mark.parametrize("recommender", ["als", "item-knn", "popularity"])
def test_a_budget_too_small_for_the_recommender_named(fails: Run, tmp_path: Path, flag: str, recommender: str) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS)
    message = fails("fit", "orders.csv", "--recommender", recommender, flag, "0.0001", "--to", "model")
    assert f"fitting {recommender} would" in message
    assert "the budget allows 0.0001" in message


def test_memory_is_written_with_its_unit_or_without(fails: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS)
    assert "the budget allows 0.0001" in fails("fit", "orders.csv", "--recommender", "ease", "--memory", "0.1MB", "--to", "model")
    with pytest.raises(SystemExit) as stopped:
        main(["fit", "orders.csv", "--memory", "lots"])
    assert stopped.value.code == 2
    assert "'lots' is no size; write gigabytes, such as 4 or 4GB" in " ".join(capsys.readouterr().err.split())


def test_a_budget_of_memory_that_holds_no_rung(fails: Run, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS)
    assert "the budget holds none of the rungs; popularity: it would hold" in fails("prove", "orders.csv", "--memory", "0.0001", "--to", "p")


def test_an_unknown_public_set(fails: Run) -> None:
    assert "did you mean 'movielens-100k'" in fails("data", "movielens-100", "--to", "d")


def test_everyone_needs_a_file(fails: Run, model: Path) -> None:
    assert "--to" in fails("recommend", str(model), "--all")


@pytest.mark.parametrize("arguments", [["fly"], ["fit"], ["recommend"], ["list", "planets"], ["fit", "x.csv", "--minuets", "3"]])
def test_a_wrong_call_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "Usage" in capsys.readouterr().err
