"""Tune: a search that begins with what there is, gives up what lies behind, goes on after a kill, and says what it found."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leanrec.cli import main
from leanrec.config import read_toml
from leanrec.data.truth import WorldConfig
from leanrec.data.world import World
from leanrec.errors import ArtifactError, ConfigError, DataError
from leanrec.recommenders.building import build
from leanrec.recommenders.search_spaces import SPACES
from leanrec.training.search import Outcome, PrunedTrialError, Search
from leanrec.training.search_space import Range, SearchSpace, nested
from leanrec.workflow.searching import read_search_settings, tune

SPACE = SearchSpace(settings={"x": Range(low=-4.0, high=4.0), "kind": Range(choices=("a", "b"))})
DECAY = ["search.space.settings.decay.low=0.2", "search.space.settings.decay.high=0.95"]
TINY = [
    "split.kind=leave-one-out",
    "configs.sequential.encoder.width=8",
    "configs.sequential.encoder.max_length=10",
    "configs.sequential.training.max_epochs=3",
    "search.space.settings={'training.learning_rate' = {low = 0.001, high = 0.05, log = true}}",
]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("world") / "events.csv"
    World.generate(WorldConfig(num_users=60, num_items=40), seed=0).log.frame.select("user_id", "item_id", "timestamp").write_csv(file)
    return file


def bowl(settings: dict[str, Any], report: Any) -> Outcome:
    quality = -((settings["x"] - 1.0) ** 2) - (settings["kind"] == "b")
    for epoch in range(1, 4):
        report(epoch, quality - 1.0 / epoch)
    return Outcome(quality=quality, cpu_seconds=1.0 + settings["x"] ** 2)


def search(file: Path, **others: Any) -> Search:
    return Search(SPACE, file=file, fingerprint="data", **others)


def test_it_begins_with_what_there_is_and_finds_better(tmp_path: Path) -> None:
    found = search(tmp_path / "search.sqlite3")
    found.begin_with({"x": -3.0, "kind": "b"})
    trials = found.run(bowl, num_trials=30, is_over=lambda: False)
    done = [trial for trial in trials if trial.state == "complete"]
    assert trials[0].settings == {"x": -3.0, "kind": "b"}
    best = max(done, key=lambda trial: trial.quality or -99)
    assert best.quality is not None and best.quality > -0.3 and best.settings["kind"] == "a"
    assert any(trial.state == "pruned" for trial in trials), "those behind the others are given up"


def test_opened_again_it_goes_on_with_what_it_knows(tmp_path: Path) -> None:
    first = search(tmp_path / "search.sqlite3")
    first.begin_with({"x": 0.0, "kind": "a"})
    before = first.run(bowl, num_trials=3, is_over=lambda: False)
    second = search(tmp_path / "search.sqlite3")
    second.begin_with({"x": 0.0, "kind": "a"})
    after = second.run(bowl, num_trials=5, is_over=lambda: False)
    assert after[:3] == before and len(after) == 5


def test_a_trial_that_was_cut_short_is_tried_again(tmp_path: Path) -> None:
    def cut(settings: dict[str, Any], report: Any) -> Outcome:
        raise KeyboardInterrupt

    first = search(tmp_path / "search.sqlite3")
    first.begin_with({"x": 0.5, "kind": "a"})
    with pytest.raises(KeyboardInterrupt):
        first.run(cut, num_trials=1, is_over=lambda: False)
    second = search(tmp_path / "search.sqlite3")
    second.begin_with({"x": 0.5, "kind": "a"})
    (trial,) = second.run(bowl, num_trials=1, is_over=lambda: False)
    assert (trial.settings, trial.state) == ({"x": 0.5, "kind": "a"}, "complete")


def test_a_trial_that_fails_says_why_and_the_search_goes_on(tmp_path: Path) -> None:
    def picky(settings: dict[str, Any], report: Any) -> Outcome:
        if settings["kind"] == "b":
            raise ConfigError("kind b does not go with this", hint="take a")
        return bowl(settings, lambda epoch, quality: None)

    found = search(tmp_path / "search.sqlite3")
    found.begin_with({"x": 0.5, "kind": "b"})
    trials = found.run(picky, num_trials=3, is_over=lambda: False)
    assert (trials[0].state, trials[0].reason) == ("failed", "kind b does not go with this")
    assert len([trial for trial in trials if trial.state == "complete"]) == 3


def test_a_search_of_other_data_and_a_file_that_is_none_are_refused(tmp_path: Path) -> None:
    search(tmp_path / "search.sqlite3")
    with pytest.raises(ConfigError, match="holds a search over other data"):
        Search(SPACE, file=tmp_path / "search.sqlite3", fingerprint="others")
    (tmp_path / "text.sqlite3").write_text("no database, and long enough to be told from one" * 50, encoding="utf-8")
    with pytest.raises(ArtifactError, match="cannot be read as a search"):
        search(tmp_path / "text.sqlite3")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"low": 1.0}, "are no range"),
        ({"low": 2.0, "high": 1.0}, "are no range"),
        ({"low": 0.0, "high": 1.0, "log": True}, "has no logarithm"),
        ({"choices": ("a",)}, "leave nothing to choose"),
        ({"choices": ("a", "b"), "low": 1.0}, "choices stand alone"),
    ],
)
def test_ranges_that_cannot_be_searched_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Range(**settings)


@pytest.mark.parametrize("name", SPACES)
def test_every_space_holds_the_settings_that_a_recommender_comes_with(name: str) -> None:
    space = SPACES[name]
    config = build(name).config.model_dump(mode="json")  # type: ignore[attr-defined]  # these have settings
    begin = space.within(config)
    assert begin.keys() == space.settings.keys(), "a search begins with the recommender as it comes"
    build(name, nested(begin))


def test_the_best_settings_are_written_for_fit_and_every_trial_is_told(events: Path, tmp_path: Path) -> None:
    settings = read_search_settings(None, [*DECAY, "search.trials=5", "split.kind=leave-one-out"])
    found = tune(str(events), recommender="item-knn", to=tmp_path / "search", settings=settings)
    best = read_toml(tmp_path / "search" / "best.toml")
    assert best["recommender"] == "item-knn"
    assert best["configs"]["item-knn"]["decay"] == pytest.approx(found.best.settings["decay"])
    assert best["split"] == {"kind": "leave-one-out"}, "what the search was told of the data holds for the fit"
    assert "search" not in best
    told = json.loads((tmp_path / "search" / "trials.json").read_text())
    assert [trial["number"] for trial in told] == [0, 1, 2, 3, 4]
    assert told[0]["settings"]["decay"] == pytest.approx(0.6), "it begins with item-knn as it comes"
    assert max(trial["quality"] for trial in told) == pytest.approx(found.best.quality)
    assert (tmp_path / "search" / "pareto.png").stat().st_size > 1000
    again = tune(str(events), recommender="item-knn", to=tmp_path / "search", settings=settings)
    assert again.trials == found.trials, "nothing is done twice"


def test_the_verb_prints_what_to_do_next(events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = [part for setting in [*DECAY, "split.kind=leave-one-out"] for part in ("--set", setting)]
    with pytest.raises(SystemExit) as stopped:
        main(["tune", str(events), "--recommender", "item-knn", "--to", str(tmp_path / "search"), "--trials", "2", *overrides])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert "as it comes" in printed and f"leanrec fit {events} --config {tmp_path / 'search' / 'best.toml'}" in printed


def test_a_killed_search_goes_on_where_it_stopped(events: Path, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    script = (
        "import sys, signal\n"
        "from leanrec.recommenders.sequential import Sequential\n"
        "from leanrec.workflow.searching import read_search_settings, tune\n"
        "learn, done = Sequential._learn, []\n"
        "def counted(self, *arguments, **others):\n"
        "    done.append(1)\n"
        "    if len(done) == 3: signal.raise_signal(signal.SIGKILL)\n"
        "    learn(self, *arguments, **others)\n"
        "Sequential._learn = counted\n"
        "tune(sys.argv[1], recommender='sequential', to=sys.argv[2], settings=read_search_settings(None, sys.argv[3:]))\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(events), str(folder), *TINY, "search.trials=4"], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not (folder / "best.toml").exists()
    found = tune(str(events), recommender="sequential", to=folder, settings=read_search_settings(None, [*TINY, "search.trials=4"]))
    assert len([trial for trial in found.trials if trial.state != "failed"]) == 4
    assert len({tuple(trial.settings.values()) for trial in found.trials}) == 4
    assert found.trials[0].settings["training.learning_rate"] == pytest.approx(4e-3)


def test_bad_input_is_refused_before_anything_is_tried(events: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no search space of 'popularity'"):
        tune(str(events), recommender="popularity", to=tmp_path / "search")
    with pytest.raises(ConfigError, match=r"search\.space, no\.such"):
        unknown = ["search.space.settings={'no.such' = {low = 1.0, high = 2.0}}"]
        tune(str(events), recommender="ease", to=tmp_path / "search", settings=read_search_settings(None, unknown))
    with pytest.raises(DataError, match="no trial came to an end"):
        hopeless = read_search_settings(None, [*DECAY, "budget.minutes=0.00001"])
        tune(str(events), recommender="item-knn", to=tmp_path / "search", settings=hopeless)
    assert not list(tmp_path.rglob("best.toml"))


def test_a_pruned_training_stops_at_once(tmp_path: Path) -> None:
    seen: list[int] = []

    def long(settings: dict[str, Any], report: Any) -> Outcome:
        for epoch in range(1, 50):
            seen.append(epoch)
            report(epoch, 1.0 if not seen[:-49] else 1.0 - settings["x"] ** 2 - 5)
        return Outcome(quality=1.0, cpu_seconds=1.0)

    found = search(tmp_path / "search.sqlite3")
    found.begin_with({"x": 0.0, "kind": "a"})
    trials = found.run(long, num_trials=6, is_over=lambda: False)
    assert trials[-1].state == "pruned"
    assert PrunedTrialError.__name__ not in trials[-1].reason
