"""Every verb does its work on a stranger's file, prints for people, and prints JSON for machines."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from leanrec import registry
from leanrec.cli import main
from leanrec.data.world import World, WorldConfig
from leanrec.errors import MissingExtraError

Run = Callable[..., str]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's own files: orders.csv with its own column names, products.jsonl, and a fitted model."""
    folder = tmp_path_factory.mktemp("shop")
    world = World.generate(WorldConfig(num_users=80, num_items=60), seed=5)
    clicks = world.log.frame.filter(pl.col("event") == "click").with_columns(pl.from_epoch("timestamp", time_unit="us"))
    clicks.select(customer="user_id", sku="item_id", ordered_at="timestamp").write_csv(folder / "orders.csv")
    world.catalogue.frame.rename({"item_id": "sku"}).write_ndjson(folder / "products.jsonl")
    rungs = "rungs=['popularity', 'cooccurrence', 'ease']"
    files = ["--catalogue", str(folder / "products.jsonl"), "--to", str(folder / "model")]
    with pytest.raises(SystemExit) as stopped:
        main(["fit", str(folder / "orders.csv"), *files, "--set", rungs])
    assert stopped.value.code == 0
    return folder


@pytest.fixture
def runs(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command that must go well; what it printed."""

    def run(*arguments: object) -> str:
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        assert stopped.value.code == 0
        return capsys.readouterr().out

    return run


def test_fit_chooses_by_proof_and_says_why_and_how_long_beforehand(shop: Path, runs: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fit", str(shop / "orders.csv"), "--to", str(shop / "again"), "--set", "rungs=['popularity', 'cooccurrence']", "--json"])
    printed = capsys.readouterr()
    for promise in ("customer", "sku", "ordered_at", "rungs will take about", "GB of memory", "is taken"):
        assert promise in printed.err
    report = json.loads(printed.out)
    assert report["recommender"] in ("popularity", "cooccurrence")
    assert [result["name"] for result in report["proof"]["results"]] == ["popularity", "cooccurrence"]
    assert report["proof"]["split"]["kind"] == "time"


def test_recommend_answers_known_users_with_titles_and_reasons(shop: Path, runs: Run) -> None:
    printed = runs("recommend", shop / "model", "--user", "u00003", "--k", 4)
    assert "For user u00003" in printed
    answer = json.loads(runs("recommend", shop / "model", "--user", "u00003", "--user", "u00004", "--k", 4, "--json"))
    assert [len(found["items"]) for found in answer] == [4, 4]
    assert all(item["reason"] for found in answer for item in found["items"])
    assert not any(found["cold"] for found in answer)


def test_an_unknown_user_is_cold_and_answered(shop: Path, runs: Run) -> None:
    (answer,) = json.loads(runs("recommend", shop / "model", "--user", "stranger", "--json"))
    assert answer["cold"]
    assert len(answer["items"]) == 10


def test_a_session_without_a_user_is_answered_from_its_history(shop: Path, runs: Run) -> None:
    (answer,) = json.loads(runs("recommend", shop / "model", "--history", "i00001,i00002", "--json"))
    assert not answer["cold"]
    assert not {"i00001", "i00002"} & {item["item_id"] for item in answer["items"]}


def test_filters_and_exclusions_hold(shop: Path, runs: Run) -> None:
    ask = ("recommend", shop / "model", "--user", "u00003", "--json", "--k", 60)
    (everything,) = json.loads(runs(*ask))
    (chosen,) = json.loads(runs(*ask, "--where", "category=Toys|Music", "--where", "price<40", "--exclude", everything["items"][0]["item_id"]))
    frame = pl.read_ndjson(shop / "products.jsonl")
    allowed = frame.filter(pl.col("category").list.first().is_in(["Toys", "Music"]) & (pl.col("price") < 40))["sku"].to_list()
    found = [item["item_id"] for item in chosen["items"]]
    assert found
    assert set(found) <= set(allowed) - {everything["items"][0]["item_id"]}


def test_k_above_the_catalogue_gives_what_there_is(shop: Path, runs: Run) -> None:
    (answer,) = json.loads(runs("recommend", shop / "model", "--user", "stranger", "--json", "--k", 100_000))
    assert len(answer["items"]) == 60


def test_everyone_goes_to_a_parquet_file(shop: Path, runs: Run) -> None:
    runs("recommend", shop / "model", "--all", "--to", shop / "recs.parquet", "--k", 3)
    frame = pl.read_parquet(shop / "recs.parquet")
    assert frame.columns == ["user_id", "rank", "item_id", "score", "source", "cold"]
    assert frame.group_by("user_id").len()["len"].unique().to_list() == [3]


def test_similar_and_explain_speak_of_titles(shop: Path, runs: Run) -> None:
    runs("fit", shop / "orders.csv", "--catalogue", shop / "products.jsonl", "--recommender", "cooccurrence", "--to", shop / "graph")
    answer = json.loads(runs("similar", shop / "graph", "i00001", "--k", 3, "--json"))
    assert len(answer["items"]) == 3
    assert "Like " in runs("similar", shop / "graph", "i00001")
    (recommended,) = json.loads(runs("recommend", shop / "graph", "--user", "u00003", "--json"))
    item = recommended["items"][0]
    evidence = json.loads(runs("explain", shop / "graph", item["item_id"], "--user", "u00003", "--json"))
    assert evidence["because_of"] in {influence["item_id"] for influence in evidence["influences"]}
    assert "because of" in runs("explain", shop / "graph", item["item_id"], "--user", "u00003")


def test_prove_writes_report_and_plot(shop: Path, runs: Run) -> None:
    printed = runs(
        "prove", shop / "orders.csv", "--to", shop / "proof", "--set", "rungs=['popularity', 'item-knn']", "--set", "split.kind=leave-one-out"
    )
    assert "Recommended: " in printed
    assert {"report.json", "report.md", "pareto.svg"} <= {path.name for path in (shop / "proof").iterdir()}


def test_a_budget_of_minutes_leaves_out_what_does_not_fit(shop: Path, runs: Run) -> None:
    report = json.loads(runs("prove", shop / "orders.csv", "--to", shop / "proof", "--minutes", 0.00001, "--json"))
    measured = [result["name"] for result in report["results"] if not result["skipped"]]
    assert measured == ["popularity"]
    assert all("budget of 1e-05 minutes" in result["skipped"] for result in report["results"][1:])


def test_inspect_writes_a_report(shop: Path, runs: Run) -> None:
    printed = runs("inspect", shop / "orders.csv", "--to", shop / "inspection.html")
    assert "Cleaning" in printed
    assert "<svg" in (shop / "inspection.html").read_text()
    assert json.loads(runs("inspect", shop / "orders.csv", "--to", shop / "inspection.html", "--json"))["num_users"] == 80


@pytest.mark.parametrize("what", ["recommenders", "sources", "sets", "devices"])
def test_list_names_what_there_is(what: str, runs: Run) -> None:
    entries = json.loads(runs("list", what, "--json"))
    assert all(entry["name"] and entry["what"] for entry in entries)
    assert entries[0]["name"] in runs("list", what)


def test_doctor_tells_the_machine(runs: Run) -> None:
    findings = json.loads(runs("doctor", "--json"))
    assert findings["python"] == sys.version.split()[0]
    assert "This machine" in runs("doctor")


def test_doctor_names_the_extras_that_bring_what_is_missing(runs: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leanrec.cli.house._installed", lambda name: "missing" if name == "torch" else "1.0")
    assert json.loads(runs("doctor", "--json"))["missing"] == ["torch"]
    assert "Missing: torch; install with: pip install 'leanrec[train]'" in runs("doctor")
    monkeypatch.setattr("leanrec.cli.house._installed", lambda name: "1.0")
    assert "All extras are installed." in runs("doctor")


def test_list_says_what_a_recommender_lacks(runs: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(group: str, name: str) -> object:
        raise MissingExtraError(f"{name} needs torch", hint="pip install 'leanrec[train]'")

    monkeypatch.setattr(registry, "find", find)
    assert json.loads(runs("list", "--json"))[0]["what"].endswith("needs torch; pip install 'leanrec[train]'")


def test_python_m_leanrec_is_the_command() -> None:
    found = subprocess.run([sys.executable, "-m", "leanrec", "--version"], capture_output=True, text=True, check=True)
    assert found.stdout.startswith("leanrec 0.")


def test_debug_shows_the_traceback() -> None:
    found = subprocess.run([sys.executable, "-m", "leanrec", "--debug", "fit", "nothing.csv"], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "Traceback" in found.stderr


@pytest.mark.parametrize("verb", ["fit", "prove", "inspect"])
def test_rows_set_aside_are_kept_with_file_line_and_reason(verb: str, shop: Path, tmp_path: Path, runs: Run) -> None:
    (tmp_path / "orders.csv").write_text((shop / "orders.csv").read_text() + "u00001,i00001,not a time\n")
    rungs = () if verb == "inspect" else ("--set", "rungs=['popularity']")
    runs(verb, tmp_path / "orders.csv", "--to", tmp_path / "out.html", *rungs)
    (row,) = pl.read_parquet(tmp_path / "out.html.quarantine.parquet").to_dicts()
    assert row["file"].endswith("orders.csv")
    assert row["line"] == len((shop / "orders.csv").read_text().splitlines()) + 1
    assert "not a time" in row["content"]


def test_profile_says_tastes_bands_and_times(shop: Path, runs: Run) -> None:
    printed = runs("profile", shop / "model", "--user", "u00003")
    for promise in ("Tastes of user u00003", "category", "as often as people", "price", "from one event to the next", "most on"):
        assert promise in printed
    (found,) = json.loads(runs("profile", shop / "model", "--user", "u00003", "--json"))
    assert found["user_id"] == "u00003" and found["num_events"] > 0 and found["tastes"]


def test_profile_of_a_stranger_names_whom_it_knows(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["profile", str(shop / "model"), "--user", "u0003"])
    assert stopped.value.code == 1
    assert "user 'u0003' is unknown" in capsys.readouterr().err


def test_fit_joins_the_histories_of_linked_ids_and_says_so(shop: Path, runs: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ids.csv").write_text("id,person\nu00001,ann\nu00002,ann\n")
    words = [
        "fit",
        str(shop / "orders.csv"),
        "--to",
        str(tmp_path / "model"),
        "--recommender",
        "popularity",
        "--identities",
        str(tmp_path / "ids.csv"),
    ]
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 0
    assert "2 ids became 1 persons" in capsys.readouterr().err
    (ann,) = json.loads(runs("profile", tmp_path / "model", "--user", "ann", "--json"))
    singles = json.loads(runs("profile", shop / "model", "--user", "u00001", "--user", "u00002", "--json"))
    assert ann["num_events"] == sum(one["num_events"] for one in singles)
