"""Language models along a curriculum: what comes in is what was to come, what an example lost is its own, an interruption changes nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.models.language_models import save_model
from tests.training.interruptions import CutAt
from tests.training.readers import config_of, save_decoder, save_encoder, shop_corpus

from leanrec.config import apply_overrides
from leanrec.errors import ConfigError
from leanrec.features.histories import Histories
from leanrec.features.history_pairs import HistoryPairs
from leanrec.features.relevance_examples import RelevanceBatches, RelevanceExamples
from leanrec.models.causal_scorer import CausalConfig, CausalScorer
from leanrec.models.cross_encoder import CrossEncoder
from leanrec.models.text_encoder import HuggingFaceTextEncoder
from leanrec.models.text_loading import load_decoder
from leanrec.training.causal_tuning import CausalTask, CausalTuningConfig, PromptBatches, tune_decoder
from leanrec.training.contrastive import ContrastiveConfig, ContrastiveTask, tune_encoder
from leanrec.training.curriculum import CurriculumConfig
from leanrec.training.growth import GrowthConfig
from leanrec.training.language_pacing import paced
from leanrec.training.language_tuning import Tuning, TuningConfig
from leanrec.training.paced_batches import PacedBatches
from leanrec.training.pretrain import pretrain
from leanrec.training.pretrain_config import PretrainConfig
from leanrec.training.pretrain_reader import open_reader
from leanrec.training.pretrain_task import PretrainTask
from leanrec.training.relevance import RelevanceConfig, RelevanceTask, tune_cross_encoder
from leanrec.training.run import Run
from leanrec.training.training_config import TrainingConfig

NOUNS = ("polish", "drill", "film", "nail")
TITLES = ("polish", "red nail polish", "film in paris of the red nail", "a drill")
KINDS = ("pairs", "questions", "prompts", "masked texts", "packed texts")
RECIPES: dict[str, type[ContrastiveConfig | RelevanceConfig | CausalTuningConfig]] = {
    "encoder": ContrastiveConfig,
    "ranker": RelevanceConfig,
    "decoder": CausalTuningConfig,
}


class Models:
    """Tiny models in folders, and what is learned from, one example a number."""

    def __init__(self, folder: Path) -> None:
        self.bert = str(save_model(folder / "bert", family="bert"))
        self.encoder, self.decoder = str(save_encoder(folder / "encoder")), str(save_decoder(folder / "decoder"))

    def cross_encoder(self) -> CrossEncoder:
        return CrossEncoder.open(self.bert, max_tokens=24)

    def scorer(self) -> CausalScorer:
        return CausalScorer(load_decoder(self.decoder), config=CausalConfig(prompt="of {history}", max_tokens=24, max_candidate_tokens=8))

    def batches(self, kind: str) -> Any:
        if kind == "pairs":
            return pairs()
        if kind == "questions":
            return RelevanceBatches(questions(), self.cross_encoder().pairs, pairs=8, pad_id=0, max_batch_tokens=64)
        if kind == "prompts":
            return PromptBatches(self.scorer(), *choices(), config=CausalTuningConfig(pairs=4, max_batch_tokens=32), seed=0)
        reader = open_reader(self.encoder if kind == "masked texts" else self.decoder, config_of(training={"tokens": 64}), seed=0)
        return reader.batches(reader.tokens(shop_corpus(60).train, part="train"), seed=0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(tmp_path_factory.mktemp("models"))


def pairs() -> HistoryPairs:
    rng = np.random.default_rng(0)
    histories = Histories.of_rows([rng.permutation(4)[: 2 + number % 3] for number in range(20)], num_items=4)
    return HistoryPairs(histories, [[2, *[5] * len(title.split()), 3] for title in TITLES], pairs=6)


def questions(number: int = 20) -> RelevanceExamples:
    """Everybody wants films or drills; long and short titles stand beside what is wanted."""
    rng = np.random.default_rng(0)
    wanted, rows = rng.integers(1, 3, number), np.array([rng.permutation(4) for _ in range(number)])
    return RelevanceExamples(
        histories=tuple(f"a {' '.join(NOUNS[: 1 + row % 4])}" for row in range(number)),
        candidates=tuple(f"the {noun}" for noun in NOUNS),
        questions=np.repeat(np.arange(number), 4),
        candidate_rows=rows.ravel(),
        labels=(rows == wanted[:, None]).astype(np.float32).ravel(),
    )


def choices(number: int = 20) -> tuple[list[str], list[str]]:
    histories = [f"a {' '.join(NOUNS[: 1 + row % 4])}" for row in range(number)]
    return histories, [TITLES[min(row % 5, 3)] for row in range(number)]


def examples_of(batches: Any, whole: Any) -> list[int]:
    """Which of the whole's examples are read, rising; a few epochs, since one may leave out what fills less than half a batch."""
    places = np.unique(np.concatenate([batch.places for epoch in range(6) for batch in batches.epoch(epoch)]))
    if whole.num_places == whole.num_examples:
        return places.tolist()
    ends = np.cumsum([len(text) for text in whole.texts])
    return np.unique(np.searchsorted(ends, places, side="right")).tolist()


class Heard:
    def __init__(self, places: Any) -> None:
        self.places = places


@pytest.mark.parametrize("kind", KINDS)
def test_short_examples_come_first_and_all_are_in_at_the_end(made: Models, kind: str) -> None:
    whole = made.batches(kind)
    lengths, number = whole.by_length(), whole.num_examples
    along = PacedBatches(whole, curriculum=CurriculumConfig(by="length", start=0.25, until=0.5, pacing="linear"), difficulty=lengths)
    parts = [along.at(progress, begins=True) for progress in (0.0, 0.25, 0.5)]
    read = [examples_of(part, whole) for part in parts]
    assert [len(examples) for examples in read] == [int(np.ceil(share * number)) for share in (0.25, 0.625, 1.0)]
    assert set(read[0]) < set(read[1]) < set(read[2])
    for examples in read[:2]:
        left = np.setdiff1d(np.arange(number), examples)
        assert lengths[examples].max() <= lengths[left].min()
    assert lengths.min() < lengths.max()
    assert 0 < len(parts[0]) < len(parts[1]) < len(parts[2]) == len(whole)
    assert [batch.position for batch in parts[1].epoch(3)] == list(range(1, len(parts[1]) + 1))


@pytest.mark.parametrize("kind", KINDS)
def test_what_lost_least_comes_first_from_the_next_epoch_on(made: Models, kind: str) -> None:
    whole = made.batches(kind)
    along = PacedBatches(whole, curriculum=CurriculumConfig(by="loss", start=0.1, until=1.0))
    number = whole.num_examples
    ranks = np.random.default_rng(1).permutation(number).astype(np.float32)
    sizes = np.ones(number, np.int64) if whole.num_places == number else np.array([len(text) for text in whole.texts])
    along.hear(Heard(np.arange(whole.num_places)), np.repeat(ranks, sizes))
    easiest = np.sort(np.argsort(ranks)[: int(np.ceil(0.1 * number))]).tolist()
    assert examples_of(along.at(0.0, begins=False), whole) != easiest
    assert examples_of(along.at(0.0, begins=True), whole) == easiest


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_goes_on_from_any_batch_and_reads_others_each_epoch(made: Models, kind: str) -> None:
    part = made.batches(kind).taking(np.arange(1, 20, 2))
    whole = [batch.places.tolist() for batch in part.epoch(2)]
    assert len(whole) > 1
    assert [batch.places.tolist() for batch in part.epoch(2, start=1)] == whole[1:]
    assert [batch.places.tolist() for batch in part.epoch(3)] != whole


@pytest.mark.parametrize("objective", ["bce", "pairwise", "listwise", "mse"])
def test_what_a_question_lost_is_its_loss_alone(made: Models, objective: Any) -> None:
    encoder = made.cross_encoder()
    task = RelevanceTask(encoder, Tuning(encoder.network.model, TuningConfig()), RelevanceConfig(objective=objective))
    with torch.no_grad():
        encoder.network.head.weight.normal_()
    is_each_its_own(task, made.batches("questions"))


def test_what_a_prompt_lost_is_its_loss_alone(made: Models) -> None:
    scorer = made.scorer()
    is_each_its_own(CausalTask(scorer.network, Tuning(scorer.network.model, TuningConfig())), made.batches("prompts"))


def test_what_a_text_lost_is_its_loss_alone(made: Models) -> None:
    reader = open_reader(made.encoder, config_of(), seed=0)
    is_each_its_own(PretrainTask(reader.network, is_masked=True, held_out=[]), made.batches("masked texts"))


def is_each_its_own(task: Any, whole: Any) -> None:
    """What is heard of an epoch, against the loss of each example read by itself."""
    task.module.eval()
    task.prepare(device=torch.device("cpu"), precision="float32")
    along = PacedBatches(whole, curriculum=CurriculumConfig(by="loss"))
    with torch.no_grad():
        for batch in whole.epoch(0):
            task.loss(batch)
            along.hear(batch, task.target_losses)
        alone = [task.loss(next(whole.taking(np.array([example])).epoch(0))).item() for example in range(8)]
    heard = whole.example_losses(along.arrays()["heard"])
    assert not np.isnan(heard).any()
    np.testing.assert_allclose(heard[:8], alone, rtol=1e-4, atol=1e-6)
    assert np.ptp(heard) > 1e-3


def test_what_a_pair_lost_is_told_among_the_items_of_its_batch(made: Models) -> None:
    encoder, config = HuggingFaceTextEncoder.open(made.bert, max_tokens=16), ContrastiveConfig()
    task = ContrastiveTask(encoder.network, Tuning(encoder.network.model, TuningConfig()), config)
    task.prepare(device=torch.device("cpu"), precision="float32")
    assert task.target_losses is None
    batch = next(pairs().epoch(0))
    loss, losses = task.loss(batch), task.target_losses
    assert losses is not None and losses.shape == batch.places.shape and not losses.requires_grad
    assert losses.mean().item() == pytest.approx(loss.item(), rel=1e-5)


def test_rare_choices_come_last(made: Models) -> None:
    prompts = PromptBatches(made.scorer(), ["a", "of", "the"], ["film", "drill", "film"], config=CausalTuningConfig(), seed=0)
    assert prompts.by_popularity().tolist() == pytest.approx([-np.log(2), 0.0, -np.log(2)])
    asked = made.batches("questions")
    labels = questions().labels.reshape(-1, 4)
    chosen = questions().candidate_rows.reshape(-1, 4)[labels > 0]
    assert asked.by_popularity().tolist() == pytest.approx((-np.log(np.bincount(chosen)[chosen])).tolist())


def training(**settings: Any) -> dict[str, Any]:
    return {"max_epochs": 4, "learning_rate": 1e-2, "validate_every": 0, "device": "cpu", "precision": "float32", **settings}


def tuned(made: Models, recipe: str, run: Run, *, by: str | None, **settings: Any) -> tuple[int, dict[str, torch.Tensor]]:
    """Steps and weights of a tuning."""
    curriculum = None if by is None else CurriculumConfig(by=by, start=0.3, until=0.7)
    given: dict[str, Any] = {"training": TrainingConfig(**training(**settings)), "pairs": 4, "curriculum": curriculum}
    if recipe == "encoder":
        encoder = HuggingFaceTextEncoder.open(made.bert, max_tokens=16)
        histories = Histories.of_rows([np.array([number % 4, (number * 3 + 1) % 4]) for number in range(20)], num_items=4)
        result = tune_encoder(encoder, histories, TITLES, config=ContrastiveConfig(**given, log_q=False), run=run)
        return result.steps, dict(encoder.network.state_dict())
    if recipe == "ranker":
        ranker = made.cross_encoder()
        result = tune_cross_encoder(ranker, questions(), config=RelevanceConfig(**{**given, "pairs": 16}), run=run)
        return result.steps, dict(ranker.network.state_dict())
    scorer = made.scorer()
    result = tune_decoder(scorer, *choices(), config=CausalTuningConfig(**given), run=run)
    return result.steps, dict(scorer.network.state_dict())


@pytest.mark.parametrize("by", ["length", "popularity", "loss", "random"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_an_interrupted_tuning_along_a_curriculum_ends_with_the_same_bits(made: Models, tmp_path: Path, recipe: str, by: str) -> None:
    steps, whole = tuned(made, recipe, Run(), by=by)
    all_steps, _ = tuned(made, recipe, Run(), by=None)
    assert 4 < steps < all_steps
    with pytest.raises(KeyboardInterrupt):
        tuned(made, recipe, Run(folder=tmp_path, hooks=(CutAt(4),)), by=by, checkpoint_steps=1)
    for name, weight in tuned(made, recipe, Run(folder=tmp_path), by=by, checkpoint_steps=1)[1].items():
        assert torch.equal(weight, whole[name]), name


@pytest.mark.parametrize("by", ["length", "loss"])
@pytest.mark.parametrize("model", ["encoder", "decoder"])
def test_an_interrupted_reading_along_a_curriculum_ends_with_the_same_bits(made: Models, tmp_path: Path, model: str, by: Any) -> None:
    source, corpus = getattr(made, model), shop_corpus(80)
    settings: dict[str, Any] = {"curriculum": CurriculumConfig(by=by, start=0.3, until=0.6), "control": False}
    config = config_of(**settings, training={"checkpoint_steps": 1})
    whole = pretrain(source, corpus, config, to=tmp_path / "whole")
    assert 4 < whole.figures["steps"] < pretrain(source, corpus, config_of(control=False), to=tmp_path / "all").figures["steps"]
    with pytest.raises(KeyboardInterrupt):
        pretrain(source, corpus, config, to=tmp_path / "again", run=Run(folder=tmp_path / "run", hooks=(CutAt(4),)))
    again = pretrain(source, corpus, config, to=tmp_path / "again", run=Run(folder=tmp_path / "run"))
    assert np.array_equal(again.after.sums, whole.after.sums)
    for first in (tmp_path / "whole").glob("*.safetensors"):
        assert first.read_bytes() == (tmp_path / "again" / first.name).read_bytes()


def test_the_control_of_a_new_head_reads_as_much_in_an_order_of_its_own(made: Models, tmp_path: Path) -> None:
    config = config_of(curriculum=CurriculumConfig(by="length", start=0.3, until=0.6))
    result = pretrain(made.encoder, shop_corpus(80), config, to=tmp_path / "model")
    assert result.figures["steps"] == result.figures["control_steps"]
    assert result.after.mean < result.untouched.mean


def test_without_a_curriculum_the_batches_are_the_same_ones(made: Models) -> None:
    batches = pairs()
    assert paced(batches, None, orders={}, run=Run()) is batches
    with pytest.raises(ConfigError, match="growth is heeded by batches of histories, and these are HistoryPairs"):
        PacedBatches(batches, growth=GrowthConfig(at=(0.5,), tokens=(32, 64)))


@pytest.mark.parametrize(
    ("config", "settings", "message"),
    [
        (ContrastiveConfig, {"curriculum": {"by": "recency"}}, "by 'recency' cannot be told of these texts; known: length, popularity, loss, random"),
        (RelevanceConfig, {"curriculum": {"by": "confidence"}}, "by 'confidence' cannot be told of these texts; known: length, popularity, loss"),
        (RelevanceConfig, {"curriculum": {"by": "popularity"}, "objective": "mse"}, "mse learns ratings; known: length, loss, random"),
        (CausalTuningConfig, {"curriculum": {"by": "weather"}}, r"curriculum\.by"),
        (CausalTuningConfig, {"curriculum": {"by": "length"}}, "until 0.5 comes after the last of 1 epochs began"),
        (ContrastiveConfig, {"curriculum": {"by": "length", "until": 0.6}}, "until 0.6 comes after the last of 2 epochs began"),
        (PretrainConfig, {"curriculum": {"by": "popularity"}}, "by 'popularity' cannot be told of these texts; known: length, loss, random"),
    ],
)
def test_an_order_that_cannot_be_told_or_kept_is_refused(config: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.parse(settings)


@pytest.mark.parametrize("config", [*RECIPES.values(), PretrainConfig])
def test_a_curriculum_is_set_by_a_nested_table(config: Callable[..., Any]) -> None:
    told = apply_overrides({}, ["recipe.curriculum.by=length", "recipe.curriculum.start=0.2", "recipe.training.max_epochs=3"])["recipe"]
    assert config.parse(told).curriculum == CurriculumConfig(by="length", start=0.2)  # type: ignore[attr-defined]  # a class of configurations
