"""Sequential: ONNX says what torch says, seeds and kills change nothing, and every refusal says what to do."""

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
import torch
from tests.recommenders.data import dataset_of

from leanrec.artifact import Artifact
from leanrec.data.catalogue import Catalogue
from leanrec.data.dataset import Dataset
from leanrec.data.description import ItemDescription
from leanrec.data.query import Query
from leanrec.data.split import Split, split_leave_one_out
from leanrec.data.world import World, WorldConfig
from leanrec.errors import ConfigError, DataError
from leanrec.explaining.attribution import explain
from leanrec.recommenders import next_item_task
from leanrec.recommenders.building import build, opener
from leanrec.recommenders.bundled import Bundled
from leanrec.recommenders.next_item_task import Validation
from leanrec.recommenders.protocol import AddsItems, GivesInfluences, LearnsFromValidation, SimilarItems
from leanrec.recommenders.sequential import Sequential, SequentialConfig
from leanrec.training.hooks import StepContext
from leanrec.training.run import Run

MAX_LENGTH = 6
ENCODER: dict[str, Any] = {"width": 8, "max_length": MAX_LENGTH, "num_layers": 1}
TRAINING: dict[str, Any] = {"max_epochs": 2, "warmup_epochs": 0, "tokens": 48, "learning_rate": 0.01, "validate_every": 1, "device": "cpu"}
BLOCKS = ("transformer", "hstu", "gated", "frequency", "gru", "convolution")
UNKNOWN = "nobody sells this"

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.recommenders.test_sequential import sequential, world_split
from leanrec.training.run import Run

class KillAt:
    def before_step(self, context): pass
    def after_backward(self, context): pass
    def after_step(self, context):
        if context.step == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

split = world_split()
sequential(training={"checkpoint_steps": 1}).fit(split.train, valid=split.valid, run=Run(folder=Path(sys.argv[1]), hooks=(KillAt(),)))
"""


class _StopAt:
    """Ctrl-C within a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def before_step(self, context: StepContext) -> None:
        """Nothing yet."""

    def after_backward(self, context: StepContext) -> None:
        """Nothing yet."""

    def after_step(self, context: StepContext) -> None:
        if context.step == self.step:
            raise KeyboardInterrupt


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from leanrec.errors import MissingExtraError
from leanrec.recommenders.building import build
try:
    build("sequential")
except MissingExtraError as error:
    print(error)
"""


def world_split() -> Split:
    return split_leave_one_out(World.generate(WorldConfig(num_users=40, num_items=30, days=30), seed=3).dataset)


@pytest.fixture(scope="module")
def split() -> Split:
    return world_split()


@pytest.fixture(scope="module")
def fitted(split: Split) -> Sequential:
    return sequential().fit(split.train, valid=split.valid)


def sequential(*, encoder: dict[str, Any] | None = None, training: dict[str, Any] | None = None, **others: Any) -> Sequential:
    config = {"encoder": {**ENCODER, **(encoder or {})}, "training": {**TRAINING, **(training or {})}, **others}
    recommender = build("sequential", config)
    assert isinstance(recommender, Sequential)
    return recommender


def random_queries(dataset: Dataset, *, seed: int = 0) -> list[Query]:
    """Histories of 0 to beyond the longest that is read, two of each, items repeated, one of them unknown."""
    rng, ids = np.random.default_rng(seed), dataset.items.ids
    lengths = [*range(MAX_LENGTH + 4)] * 2
    histories = [tuple(ids[row] for row in rng.choice(len(ids), size=length).tolist()) for length in lengths]
    return [Query(history=history) for history in (*histories, (UNKNOWN,), (ids[1], UNKNOWN, ids[2]))]


def same_answers(one: Any, other: Any, dataset: Dataset, *, rtol: float = 1e-4) -> bool:
    queries = random_queries(dataset)
    expected, found = one.catalogue_scores(queries), other.catalogue_scores(queries)
    scale = float(np.abs(expected).max())
    np.testing.assert_allclose(found, expected, atol=rtol * scale)
    return [answer.cold for answer in one.recommend(queries)] == [answer.cold for answer in other.recommend(queries)]


def arrays_of(recommender: Sequential, folder: Path) -> dict[str, bytes]:
    recommender.save(folder)
    return {name: array.tobytes() for name, array in Artifact.open(folder).arrays.items()}


VARIANTS: dict[str, dict[str, Any]] = {
    **{block: {"encoder": {"block": block}} for block in BLOCKS},
    "two layers": {"encoder": {"block": "frequency", "num_layers": 2, "num_heads": 4}},
    "sampled": {"loss": {"kind": "sampled-softmax", "num_negatives": 5}},
    "bce": {"loss": {"kind": "bce"}},
    "gbce": {"loss": {"kind": "gbce", "num_negatives": 4}},
    "bpr": {"loss": {"kind": "bpr"}},
    "cosine": {"loss": {"kind": "full-softmax", "temperature": 0.1}},
    "hashed": {"items": {"table": "hashed", "num_buckets": 7}},
    "low-rank": {"items": {"table": "low-rank", "rank": 3}},
    "no attributes": {"uses_attributes": False},
    "windows": {"older_windows": True},
    "hidden ids": {"items": {"id_dropout": 0.3}},
    "hidden ids, cosine": {"items": {"id_dropout": 0.3}, "loss": {"kind": "full-softmax", "temperature": 0.1}},
    "average": {"training": {"average": 0.9}},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_torch_the_answers_are_the_same(variant: str, split: Split, tmp_path: Path) -> None:
    recommender = sequential(**VARIANTS[variant]).fit(split.train)
    recommender.save(tmp_path / "saved")
    bundled = opener("sequential").load(tmp_path / "saved")
    assert isinstance(bundled, Bundled)
    assert same_answers(recommender, bundled, split.train)
    assert same_answers(recommender, Sequential.load(tmp_path / "saved"), split.train)


def test_with_a_temperature_scores_are_cosines_over_it(split: Split) -> None:
    recommender = sequential(**VARIANTS["cosine"]).fit(split.train)
    scores = recommender.catalogue_scores([query for query in random_queries(split.train) if query.history and query.history[-1] != UNKNOWN])
    assert 1.0 < np.abs(scores).max() <= 10.0 + 1e-4
    vectors = recommender.user_vectors([np.array([0, 1]), np.array([], dtype=np.int64)])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [10.0, 0.0], rtol=1e-5)


@pytest.mark.gpu
def test_fitted_on_a_graphics_card_it_answers_on_the_cpu(split: Split, tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    recommender = sequential(training={"device": "cuda"}).fit(split.train)
    recommender.save(tmp_path / "saved")
    assert same_answers(recommender, opener("sequential").load(tmp_path / "saved"), split.train)


def test_only_the_newest_events_are_read_and_an_empty_history_is_answered_from_popularity(fitted: Sequential, split: Split) -> None:
    ids = split.train.items.ids
    newest = ids[:MAX_LENGTH]
    long, short, empty, unknown = fitted.catalogue_scores(
        [Query(history=(*ids[10:20], *newest)), Query(history=newest), Query(), Query(history=(UNKNOWN,))]
    )
    assert np.array_equal(long, short)
    assert np.array_equal(empty, unknown)
    answers = fitted.recommend([Query(), Query(history=(UNKNOWN,)), Query(history=newest)], k=3)
    assert [answer.cold for answer in answers] == [True, True, False]
    assert {item.source for item in answers[0].items} == {"popularity"}


def test_unknown_items_of_a_history_are_passed_over(fitted: Sequential, split: Split) -> None:
    one, other = split.train.items.ids[:2]
    scores = fitted.catalogue_scores([Query(history=(one, UNKNOWN, other)), Query(history=(one, other))])
    assert np.array_equal(scores[0], scores[1])


def test_settled_it_trains_as_long_as_validation_found_best(fitted: Sequential, split: Split) -> None:
    assert isinstance(fitted, LearnsFromValidation)
    again = fitted.settled().fit(split.train)
    assert again.training.best_epoch == fitted.training.best_epoch
    assert same_answers(fitted, again, split.train, rtol=1e-6)


def test_of_many_items_few_validation_users_are_scored_at_once_and_found_alike(
    fitted: Sequential, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    ranks = Validation._ranks
    monkeypatch.setattr(next_item_task, "BLOCK_SCORES", 3 * split.dataset.num_items)
    monkeypatch.setattr(Validation, "_ranks", lambda self, scores, place: held.append(len(scores.base)) or ranks(self, scores, place))
    again = sequential().fit(split.train, valid=split.valid, run=Run())
    assert max(held) == 3
    assert again.figures["validation ndcg@10"] == pytest.approx(fitted.figures["validation ndcg@10"])


def test_the_same_seed_gives_the_same_bits_and_another_does_not(fitted: Sequential, split: Split, tmp_path: Path) -> None:
    first = arrays_of(fitted, tmp_path / "first")
    assert arrays_of(sequential().fit(split.train, valid=split.valid), tmp_path / "again") == first
    assert arrays_of(sequential().fit(split.train, valid=split.valid, run=Run(seed=1)), tmp_path / "other") != first


def test_killed_and_fitted_again_it_has_the_same_bits(fitted: Sequential, split: Split, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join((str(root), os.environ.get("PYTHONPATH", "")))}
    command = [sys.executable, "-c", KILLED, str(tmp_path / "run"), str(fitted.training.steps - 3)]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (tmp_path / "run" / "checkpoint").is_dir()
    resumed = sequential(training={"checkpoint_steps": 1}).fit(split.train, valid=split.valid, run=Run(folder=tmp_path / "run"))
    assert '"resume"' in (tmp_path / "run" / "journal.jsonl").read_text()
    assert not (tmp_path / "run" / "checkpoint").exists()
    assert arrays_of(resumed, tmp_path / "resumed") == arrays_of(fitted, tmp_path / "whole")


def test_a_catalogue_of_ids_alone_and_one_with_attributes_are_learned_from(split: Split) -> None:
    bare = Catalogue(frame=split.train.catalogue.frame.select("item_id"))
    attributed = Catalogue(frame=bare.frame.with_columns(pl.Series("colour", ["red", "blue"] * (len(bare.frame) // 2))))
    plain = sequential().fit(replace(split.train, catalogue=bare))
    same = sequential(uses_attributes=False).fit(replace(split.train, catalogue=bare))
    coloured = sequential().fit(replace(split.train, catalogue=attributed))
    queries = random_queries(split.train)
    assert np.array_equal(plain.catalogue_scores(queries), same.catalogue_scores(queries))
    assert not np.array_equal(plain.catalogue_scores(queries), coloured.catalogue_scores(queries))


def test_an_interrupted_training_does_not_go_on_with_another_catalogue(split: Split, tmp_path: Path) -> None:
    settings = {"checkpoint_steps": 1}
    with pytest.raises(KeyboardInterrupt):
        sequential(training=settings).fit(split.train, run=Run(folder=tmp_path / "run", hooks=(_StopAt(3),)))
    assert (tmp_path / "run" / "checkpoint").is_dir()
    colours = pl.Series("colour", ["red", "blue"] * (split.train.num_items // 2))
    changed = Catalogue(frame=split.train.catalogue.frame.with_columns(colours))
    with pytest.raises(ConfigError, match="attributes"):
        sequential(training=settings).fit(replace(split.train, catalogue=changed), run=Run(folder=tmp_path / "run"))


def test_older_windows_learn_from_more_tokens(split: Split) -> None:
    newest, everything = (sequential(older_windows=windows)._batches(split.train, Run()) for windows in (False, True))
    assert everything.num_tokens > newest.num_tokens
    steps = [sequential(older_windows=windows).fit(split.train).training.steps for windows in (False, True)]
    assert steps[0] < steps[1]


@pytest.mark.parametrize("temperature", [None, 0.1])
def test_with_hidden_ids_an_item_that_nobody_chose_is_scored_as_one_that_comes_later(temperature: float | None, tmp_path: Path) -> None:
    log = {"u": "abcabc", "v": "bcabca", "w": "cab", "x": "abc"}
    frame = pl.DataFrame({"item_id": list("abcz"), "look": ["red", "blue", "red", "red"], "kind": ["x", "y", "y", "x"]})
    train = dataset_of(log, catalogue=Catalogue(frame=frame))
    fitted = sequential(items={"id_dropout": 0.3}, loss={"kind": "full-softmax", "temperature": temperature}).fit(train)
    fitted.save(tmp_path / "saved")
    for recommender in (fitted, opener("sequential").load(tmp_path / "saved")):
        assert isinstance(recommender, AddsItems)
        assert recommender.adds_items
        grown = recommender.with_items([ItemDescription(item_id="n", attributes={"look": "red", "kind": "x", "unheard of": "so"})])
        scores = grown.catalogue_scores([Query(history=("a", "b")), Query(history=("n",)), Query(history=("z",))])
        assert scores.shape == (3, 5)
        np.testing.assert_allclose(scores[:, grown.items.row("n")], scores[:, grown.items.row("z")], atol=1e-5)
        np.testing.assert_allclose(scores[1], scores[2], atol=1e-5)
        assert grown.similar("n", k=1).item_ids == ("z",)
        assert len(recommender.items) == 4


def test_with_ids_alone_it_takes_in_no_items_and_says_what_would(fitted: Sequential, split: Split) -> None:
    assert not fitted.adds_items
    with pytest.raises(ConfigError, match=r"id_dropout = 0.*(?s:.*)cold-start"):
        fitted.with_items([ItemDescription(item_id="new")])
    with pytest.raises(ConfigError, match="nothing else is known of the items"):
        sequential(items={"id_dropout": 0.2}, uses_attributes=False).fit(split.train)


def test_histories_of_one_event_teach_nothing_and_it_says_so() -> None:
    with pytest.raises(DataError, match="no history has two events"):
        sequential().fit(dataset_of({"u": "a", "v": "b", "w": "c"}))


def test_similar_items_exclude_the_item_itself(fitted: Sequential, split: Split) -> None:
    assert isinstance(fitted, SimilarItems)
    item_id = split.train.items.ids[4]
    answer = fitted.similar(item_id, k=5)
    assert len(answer.items) == 5
    assert item_id not in answer.item_ids


def test_influences_are_what_occlusion_finds_for_long_histories_and_repeated_items(fitted: Sequential, split: Split) -> None:
    assert isinstance(fitted, GivesInfluences)
    ids = split.train.items.ids
    for history in ([3, 5, 3, 7], [1, 2, 3, 4, 5, 6, 7, 8, 2]):
        influences = fitted.influences(np.array(history), np.array([20, 25]))
        for column, row in enumerate((20, 25)):
            evidence = explain(fitted, Query(history=tuple(ids[item] for item in history)), ids[row])
            drops = {influence.item_id: influence.score_drop for influence in evidence.influences}
            assert influences[:, column].tolist() == pytest.approx([drops[ids[item]] for item in history], abs=1e-5)


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"encoder": {"widht": 8}}, "encoder.widht"),
        ({"learning_rate": 0.1}, "learning_rate"),
        ({"training": {"epochs": 3}}, "training.epochs"),
        ({"encoder": {"block": "mamba"}}, "encoder.block"),
        ({"metric": "ndgc@10"}, "ndgc"),
    ],
)
def test_an_unknown_setting_is_named(config: dict[str, Any], key: str, split: Split) -> None:
    with pytest.raises(ConfigError, match=key):
        build("sequential", {"training": {"max_epochs": 1, "warmup_epochs": 0}, **config}).fit(split.train, valid=split.valid)


def test_changing_one_setting_keeps_our_defaults_of_the_others() -> None:
    ours, changed = SequentialConfig(), SequentialConfig.parse({"training": {"max_epochs": 3}, "encoder": {"width": 32}})
    assert changed.training == ours.training.model_copy(update={"max_epochs": 3})
    assert changed.encoder == ours.encoder.model_copy(update={"width": 32})


def test_without_torch_it_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=True)
    assert "sequential needs torch" in done.stdout
    assert "pip install 'leanrec[train]'" in done.stdout
