"""TwoTower: what each tower reads changes answers as it should, saved ones answer alike without torch, seeds and kills change nothing."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.recommenders.data import START, dataset_of

from leanrec.artifact import Artifact
from leanrec.data.catalogue import Catalogue
from leanrec.data.dataset import Dataset
from leanrec.data.description import ItemDescription
from leanrec.data.events import EVENT_SCHEMA, EventLog
from leanrec.data.query import Query
from leanrec.data.snapshot import Snapshot
from leanrec.data.split import Split, split_leave_one_out
from leanrec.data.world import World, WorldConfig
from leanrec.errors import ConfigError, DataError
from leanrec.evaluation.full_ranking import rank_holdout
from leanrec.explaining.attribution import explain
from leanrec.features.past import Past
from leanrec.metrics.accuracy import parse_metric
from leanrec.recommenders.building import build, opener
from leanrec.recommenders.bundled_towers import BundledTowers
from leanrec.recommenders.protocol import AddsItems, GivesInfluences, ReadsProfile, ReadsText, SimilarItems
from leanrec.recommenders.two_tower import TwoTower, TwoTowerConfig
from leanrec.training.hooks import StepContext
from leanrec.training.run import Run

HOUR = 3_600_000_000
ENCODER: dict[str, Any] = {"width": 8, "max_length": 6, "num_layers": 1}
TRAINING: dict[str, Any] = {"max_epochs": 2, "warmup_epochs": 0, "tokens": 48, "learning_rate": 0.01, "validate_every": 1, "device": "cpu"}
UNTIL_LEARNT: dict[str, Any] = {"max_epochs": 60, "learning_rate": 0.03}
KINDS = {"a": "lamp", "b": "lamp", "c": "chair", "d": "chair", "e": "poster", "z": "chair"}

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.recommenders.test_two_tower import two_tower, world_split
from leanrec.training.run import Run

class KillAt:
    def before_step(self, context): pass
    def after_backward(self, context): pass
    def after_step(self, context):
        if context.step == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

split = world_split()
two_tower(training={"checkpoint_steps": 1}).fit(split.train, valid=split.valid, run=Run(folder=Path(sys.argv[1]), hooks=(KillAt(),)))
"""

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from pathlib import Path
from leanrec.data.description import ItemDescription
from leanrec.data.events import EVENT_SCHEMA, EventLog
from leanrec.data.query import Query
from leanrec.metrics.accuracy import parse_metric
from leanrec.recommenders.building import build, opener
opened = opener("two-tower").load(Path(sys.argv[1]))
grown = opened.with_items([ItemDescription(item_id="new", title="Quiet Oak Kettle")])
print(len(grown.recommend([Query(text="kettle")], k=3)[0].items))
try:
    build("two-tower")
except ImportError as error:
    print(error)
"""

VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "transformer": {"encoder": {"block": "transformer"}},
    "interests": {"interests": 3},
    "interests of a GRU": {"interests": 2, "encoder": {"block": "gru"}},
    "cosine": {"loss": {"kind": "full-softmax", "temperature": 0.1}, "interests": 2},
    "sampled": {"loss": {"kind": "sampled-softmax", "num_negatives": 5}},
    "no attributes": {"uses_attributes": False},
    "no questions": {"asked_share": 0},
    "profile": {"profile": True},
    "all ids": {"items": {"id_dropout": 0}},
    "no features": {"features": {"features": []}},
}


def world_split() -> Split:
    return split_leave_one_out(World.generate(WorldConfig(num_users=40, num_items=30, days=30), seed=3).dataset)


@pytest.fixture(scope="module")
def split() -> Split:
    return world_split()


@pytest.fixture(scope="module")
def fitted(split: Split) -> TwoTower:
    return two_tower().fit(split.train, valid=split.valid)


def two_tower(*, encoder: dict[str, Any] | None = None, training: dict[str, Any] | None = None, **others: Any) -> TwoTower:
    recommender = build("two-tower", {"encoder": {**ENCODER, **(encoder or {})}, "training": {**TRAINING, **(training or {})}, **others})
    assert isinstance(recommender, TwoTower)
    return recommender


def shop() -> Dataset:
    """Everybody buys lamps with lamps and chairs with chairs; `z` is a chair that nobody bought."""
    frame = pl.DataFrame({"item_id": list(KINDS), "kind": list(KINDS.values()), "title": [f"{kind} {item}" for item, kind in KINDS.items()]})
    histories = {f"u{number}": text for number, text in enumerate(["abab", "cdcd", "baba", "dcdc", "abba", "cddc", "abe", "cde"])}
    return dataset_of(histories, catalogue=Catalogue(frame=frame))


def questions(split: Split, recommender: TwoTower) -> list[Query]:
    """Histories of 0 to beyond the longest that is read, with all that a question can bring."""
    rng, ids = np.random.default_rng(0), split.train.items.ids
    histories = [tuple(ids[row] for row in rng.choice(len(ids), size=length).tolist()) for length in range(9)]
    asked = [Query(history=history, time=START + 7 * HOUR * place) for place, history in enumerate(histories)]
    if recommender.reads_text:
        asked += [Query(text="kettle"), Query(history=histories[3], text="garden bench"), Query(text="nobody says such")]
    if recommender.reads_profile:
        builder = recommender._query.profiles
        assert builder is not None
        snapshot = Snapshot.of(split.train)
        asked += [Query(history=histories[3], profile=builder.of_history(Past.of_user(snapshot, user))) for user in range(3)]
    return asked


def best(recommender: Any, query: Query, *, k: int = 1) -> set[str]:
    return set(recommender.recommend([query], k=k, exclude_seen=False)[0].item_ids)


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_torch_the_answers_are_the_same(variant: str, split: Split, tmp_path: Path) -> None:
    recommender = two_tower(**VARIANTS[variant]).fit(split.train, valid=split.valid)
    recommender.save(tmp_path / "saved")
    asked = questions(split, recommender)
    expected = recommender.catalogue_scores(asked)
    assert np.isfinite(expected).all()
    bundled = opener("two-tower").load(tmp_path / "saved")
    assert isinstance(bundled, BundledTowers)
    for loaded in (bundled, TwoTower.load(tmp_path / "saved")):
        assert np.array_equal(loaded.catalogue_scores(asked), expected)
        assert (loaded.reads_text, loaded.reads_profile, loaded.adds_items) == (
            recommender.reads_text,
            recommender.reads_profile,
            recommender.adds_items,
        )
    bundled.save(tmp_path / "again")
    for path in sorted(path.relative_to(tmp_path / "saved") for path in (tmp_path / "saved").rglob("*") if path.is_file()):
        assert (tmp_path / "again" / path).read_bytes() == (tmp_path / "saved" / path).read_bytes(), path
    with pytest.raises(ConfigError, match="cannot be fitted"):
        bundled.fit(split.train)


@pytest.mark.parametrize("variant", ["default", "interests of a GRU", "cosine", "profile"])
def test_validation_in_training_sees_what_is_answered_afterwards(variant: str, split: Split) -> None:
    recommender = two_tower(**VARIANTS[variant], training={"max_epochs": 1}).fit(split.train, valid=split.valid)
    holdout = split.holdout("valid")
    ranked = rank_holdout(recommender, holdout, items=split.train.items, k=10)
    found = float(np.nanmean(parse_metric("ndcg@10").per_user(ranked.ranks)))
    assert recommender.figures["validation ndcg@10"] == pytest.approx(found, abs=1e-3)


def test_one_without_torch_needs_none(fitted: TwoTower, tmp_path: Path) -> None:
    fitted.save(tmp_path / "saved")
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, str(tmp_path / "saved")], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "3"
    assert "two-tower needs torch" in done.stdout
    assert "pip install 'leanrec[train]'" in done.stdout


def test_the_same_seed_gives_the_same_bits_and_another_does_not(fitted: TwoTower, split: Split, tmp_path: Path) -> None:
    def arrays(recommender: TwoTower, name: str) -> dict[str, bytes]:
        recommender.save(tmp_path / name)
        return {key: array.tobytes() for key, array in Artifact.open(tmp_path / name).arrays.items()}

    first = arrays(fitted, "first")
    assert arrays(two_tower().fit(split.train, valid=split.valid), "again") == first
    assert arrays(two_tower().fit(split.train, valid=split.valid, run=Run(seed=1)), "other") != first


def test_killed_and_fitted_again_it_has_the_same_bits(fitted: TwoTower, split: Split, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join((str(root), os.environ.get("PYTHONPATH", "")))}
    command = [sys.executable, "-c", KILLED, str(tmp_path / "run"), str(fitted.training.steps - 3)]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    resumed = two_tower(training={"checkpoint_steps": 1}).fit(split.train, valid=split.valid, run=Run(folder=tmp_path / "run"))
    assert '"resume"' in (tmp_path / "run" / "journal.jsonl").read_text()
    asked = questions(split, fitted)
    assert np.array_equal(resumed.catalogue_scores(asked), fitted.catalogue_scores(asked))


def test_an_interrupted_training_does_not_go_on_with_other_users(split: Split, tmp_path: Path) -> None:
    class Stop:
        def before_step(self, context: StepContext) -> None:
            """Nothing yet."""

        def after_backward(self, context: StepContext) -> None:
            """Nothing yet."""

        def after_step(self, context: StepContext) -> None:
            if context.step == 3:
                raise KeyboardInterrupt

    def with_teams(size: int) -> Dataset:
        column = [f"team {number // size % 2}" for number in range(split.train.num_users)]
        return replace(split.train, user_attributes=pl.DataFrame({"user_id": split.train.users.ids, "team": column}))

    with pytest.raises(KeyboardInterrupt):
        two_tower(training={"checkpoint_steps": 1}).fit(with_teams(1), run=Run(folder=tmp_path / "run", hooks=(Stop(),)))
    with pytest.raises(ConfigError, match="questions"):
        two_tower(training={"checkpoint_steps": 1}).fit(with_teams(2), run=Run(folder=tmp_path / "run"))


def test_settled_it_trains_as_long_as_validation_found_best(fitted: TwoTower, split: Split) -> None:
    again = fitted.settled().fit(split.train)
    assert again.training.best_epoch == fitted.training.best_epoch
    np.testing.assert_allclose(again.catalogue_scores(questions(split, fitted)), fitted.catalogue_scores(questions(split, fitted)), atol=1e-6)


@pytest.mark.parametrize("interests", [1, 2])
def test_a_sentence_alone_finds_what_it_names_and_an_item_that_nobody_bought(interests: int) -> None:
    recommender = two_tower(training=UNTIL_LEARNT, asked_share=0.5, interests=interests).fit(shop())
    assert isinstance(recommender, ReadsText)
    assert recommender.reads_text
    assert best(recommender, Query(text="a LAMP, please"), k=2) == {"a", "b"}
    assert best(recommender, Query(text="chair"), k=3) == {"c", "d", "z"}
    silent, said = recommender.catalogue_scores([Query(history=("a", "b")), Query(history=("a", "b"), text="poster")])
    assert np.argmax(said - silent) == recommender.items.row("e")
    assert best(recommender, Query(history=("a", "b", "a")), k=2) == {"a", "b"}


def test_new_items_are_scored_as_their_content_is() -> None:
    recommender = two_tower(training=UNTIL_LEARNT).fit(shop())
    assert isinstance(recommender, AddsItems)
    grown = recommender.with_items([ItemDescription(item_id="n", title="chair z", attributes={"kind": "chair", "unheard of": "x"})])
    scores = grown.catalogue_scores([Query(history=("c", "d")), Query(text="chair"), Query(history=("n",))])
    np.testing.assert_allclose(scores[:, grown.items.row("n")], scores[:, grown.items.row("z")], rtol=1e-5)
    assert scores[0, grown.items.row("n")] > scores[0, grown.items.row("a")]
    assert isinstance(grown, SimilarItems)
    assert grown.similar("n", k=1).item_ids == ("z",)
    with pytest.raises(DataError, match="is there already"):
        grown.with_items([ItemDescription(item_id="n")])


def test_where_nothing_is_known_of_items_it_knows_ids_alone_and_reads_no_text() -> None:
    recommender = two_tower().fit(dataset_of({"u": "abab", "v": "bab"}))
    assert not recommender.reads_text
    assert not recommender.adds_items
    with pytest.raises(ConfigError, match="reads none"):
        recommender.recommend([Query(text="lamp")])
    with pytest.raises(ConfigError, match="cold-start"):
        recommender.with_items([ItemDescription(item_id="n")])


def test_what_is_known_of_a_user_decides_where_there_is_no_history() -> None:
    plain = shop()
    team = ["lamps" if number % 2 == 0 else "chairs" for number in range(plain.num_users)]
    users = pl.DataFrame({"user_id": plain.users.ids, "team": team})
    recommender = two_tower(training=UNTIL_LEARNT, asked_share=0.5).fit(replace(plain, user_attributes=users))
    (lamps, chairs, nobody) = recommender.recommend(
        [Query(attributes={"team": "lamps"}), Query(attributes={"team": "chairs"}), Query(attributes={"height": "tall"})], k=2
    )
    assert set(lamps.item_ids) == {"a", "b"}
    assert set(chairs.item_ids) <= {"c", "d", "z"}
    assert [answer.cold for answer in (lamps, chairs, nobody)] == [False, False, True]


def test_the_hour_of_the_question_is_heard() -> None:
    rows = []
    for day in range(40):
        for user, (morning, evening) in enumerate([("a", "c"), ("b", "d")]):
            rows += [(f"u{user}", morning, START + day * 24 * HOUR), (f"u{user}", evening, START + day * 24 * HOUR + 12 * HOUR)]
    plain = shop()
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row").with_columns(
        event=pl.lit("click"), value=pl.lit(None, dtype=pl.Float32)
    )
    log = EventLog(frame=frame.select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items()), time_quality="exact")
    recommender = two_tower(training={**UNTIL_LEARNT, "max_epochs": 20}).fit(Dataset.build(log, catalogue=plain.catalogue))
    later = START + 100 * 24 * HOUR
    morning, evening = recommender.catalogue_scores([Query(history=("a", "c"), time=later), Query(history=("a", "c"), time=later + 12 * HOUR)])
    a, c = recommender.items.row("a"), recommender.items.row("c")
    assert morning[a] - morning[c] > evening[a] - evening[c]


def test_a_profile_is_heeded_where_it_was_learned_from(split: Split) -> None:
    recommender = two_tower(profile=True, training={"max_epochs": 4}).fit(split.train)
    assert isinstance(recommender, ReadsProfile)
    assert recommender.reads_profile
    assert not two_tower().fit(split.train).reads_profile
    asked = questions(split, recommender)[-1]
    with_it, without = recommender.catalogue_scores([asked, replace(asked, profile=None)])
    assert not np.array_equal(with_it, without)


def test_features_of_items_and_of_events_are_refused(split: Split) -> None:
    brand = {"name": "brand", "kind": "category", "column": "brand"}
    count = {"name": "acts", "kind": "count", "events": ["click"], "by": ["user"]}
    for feature, word in ((brand, "items"), (count, "events")):
        with pytest.raises(ConfigError, match=f"is of {word}"):
            two_tower(features={"features": [feature]}).fit(split.train)


def test_a_context_that_training_never_saw_says_nothing(split: Split) -> None:
    device = {"name": "device", "kind": "category", "source": "context", "column": "device", "values": ["phone", "tablet"]}
    recommender = two_tower(features={"features": [device]}).fit(split.train)
    history = split.train.items.ids[:3]
    phone, tablet = recommender.catalogue_scores([Query(history=history, context={"device": word}) for word in ("phone", "tablet")])
    assert np.array_equal(phone, tablet)


def test_influences_are_what_occlusion_finds(split: Split) -> None:
    recommender = two_tower(interests=2).fit(split.train)
    assert isinstance(recommender, GivesInfluences)
    ids, history = split.train.items.ids, [3, 5, 3, 7]
    influences = recommender.influences(np.array(history), np.array([20, 25]))
    for column, row in enumerate((20, 25)):
        evidence = explain(recommender, Query(history=tuple(ids[item] for item in history)), ids[row])
        drops = {influence.item_id: influence.score_drop for influence in evidence.influences}
        assert influences[:, column].tolist() == pytest.approx([drops[ids[item]] for item in history], abs=1e-5)


def test_changing_one_setting_keeps_our_defaults_of_the_others() -> None:
    ours, changed = TwoTowerConfig(), TwoTowerConfig.parse({"training": {"max_epochs": 3}, "items": {"scale": 0.1}})
    assert changed.training == ours.training.model_copy(update={"max_epochs": 3})
    assert changed.items.id_dropout == ours.items.id_dropout > 0
    with pytest.raises(ConfigError, match="intrests"):
        TwoTowerConfig.parse({"intrests": 2})
