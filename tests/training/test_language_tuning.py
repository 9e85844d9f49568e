from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.models.language_models import save_model
from torch import nn

from leanrec.errors import ConfigError, DataError
from leanrec.features.histories import Histories
from leanrec.features.relevance_examples import RelevanceExamples
from leanrec.metrics.ratings import auc
from leanrec.models.adapters import AdapterConfig
from leanrec.models.causal_scorer import CausalConfig, CausalScorer
from leanrec.models.cross_encoder import CrossEncoder
from leanrec.models.text_encoder import HuggingFaceTextEncoder
from leanrec.models.text_loading import load_decoder, load_model
from leanrec.training.causal_tuning import CausalTuningConfig, tune_decoder
from leanrec.training.contrastive import ContrastiveConfig, tune_encoder
from leanrec.training.language_tuning import Tuning, TuningConfig
from leanrec.training.relevance import RelevanceConfig, relevance_scores, tune_cross_encoder, tuning_report
from leanrec.training.run import Run
from leanrec.training.training_config import TrainingConfig

NOUNS = ("polish", "drill", "film", "nail")
TRAINING: dict[str, Any] = {"learning_rate": 1e-2, "betas": (0.9, 0.999), "validate_every": 0, "device": "cpu", "precision": "float32"}


def training(**settings: Any) -> TrainingConfig:
    return TrainingConfig(**{**TRAINING, **settings})


def model(tmp_path: Path, *, family: str = "bert") -> str:
    return str(save_model(tmp_path / family, family=family))


def questions(number: int = 30, *, seed: int = 0) -> RelevanceExamples:
    """Everybody wants films or drills, whatever they chose; three others stand beside what is wanted."""
    rng = np.random.default_rng(seed)
    wanted, chosen = rng.integers(1, 3, number), rng.integers(0, 4, number)
    rows = np.array([rng.permutation(4) for _ in range(number)])
    return RelevanceExamples(
        histories=tuple(f"a {NOUNS[noun]}" for noun in chosen),
        candidates=tuple(f"the {noun}" for noun in NOUNS),
        questions=np.repeat(np.arange(number), 4),
        candidate_rows=rows.ravel(),
        labels=(rows == wanted[:, None]).astype(np.float32).ravel(),
    )


@pytest.mark.parametrize("objective", ["bce", "pairwise", "listwise"])
def test_a_cross_encoder_learns_who_is_wanted(tmp_path: Path, objective: Any) -> None:
    encoder = CrossEncoder.open(model(tmp_path), max_tokens=24)
    asked = questions(seed=1)
    before = auc(asked.labels > 0, relevance_scores(encoder, asked))
    config = RelevanceConfig(objective=objective, training=training(max_epochs=15), pairs=16)
    tune_cross_encoder(encoder, questions(60), config=config, run=Run())
    report = tuning_report(encoder, asked, objective=objective)
    assert report["auc"] > max(before, 0.75)
    assert set(report["classes"]) == {"chosen", "not chosen"}


def test_a_rating_head_learns_stars(tmp_path: Path) -> None:
    encoder = CrossEncoder.open(model(tmp_path), max_tokens=24)
    told = questions(60)
    rated = RelevanceExamples(
        histories=told.histories, candidates=told.candidates, questions=told.questions, candidate_rows=told.candidate_rows, labels=2 + 3 * told.labels
    )
    tune_cross_encoder(encoder, rated, config=RelevanceConfig(objective="mse", training=training(max_epochs=15), pairs=16), run=Run())
    report = tuning_report(encoder, rated, objective="mse")
    assert report["rmse"] < 0.95 * rated.labels.std()


def test_a_frozen_encoder_learns_its_head_alone(tmp_path: Path) -> None:
    encoder = CrossEncoder.open(model(tmp_path), max_tokens=24)
    before = {name: tensor.clone() for name, tensor in encoder.network.state_dict().items()}
    tune_cross_encoder(encoder, questions(20), config=RelevanceConfig(is_frozen=True, training=training(max_epochs=1), pairs=8), run=Run())
    changed = {name for name, tensor in encoder.network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {"head.weight"} or changed == {"head.weight", "head.bias"}


@pytest.mark.parametrize("kind", ["lora", "dora", "bottleneck"])
def test_adapters_tune_a_cross_encoder_and_are_folded_away(tmp_path: Path, kind: Any) -> None:
    encoder = CrossEncoder.open(model(tmp_path), max_tokens=24)
    tuning = TuningConfig(adapter=AdapterConfig(kind=kind, rank=4))
    config = RelevanceConfig(tuning=tuning, training=training(max_epochs=15, learning_rate=2e-2), pairs=16)
    tune_cross_encoder(encoder, questions(60), config=config, run=Run())
    assert auc(questions(seed=1).labels > 0, relevance_scores(encoder, questions(seed=1))) > 0.75
    assert not any("lora" in name for name, _ in encoder.network.named_parameters())


def test_few_shots_are_whole_questions_drawn_by_chance() -> None:
    told = questions(60)
    few = told.sample(16, rng=np.random.default_rng(0))
    assert len(few) == 16 and len(np.unique(few.questions)) == 4
    other = told.sample(16, rng=np.random.default_rng(1))
    assert not np.array_equal(few.questions, other.questions)
    with pytest.raises(ConfigError, match="500 examples are wanted; there are 240"):
        told.sample(500, rng=np.random.default_rng(0))


def test_an_interrupted_tuning_ends_with_the_same_bits(tmp_path: Path) -> None:
    config = RelevanceConfig(training=training(max_epochs=4, checkpoint_steps=1), pairs=16)

    class Stop:
        def before_step(self, context: Any) -> None:
            if context.step == 7:
                raise KeyboardInterrupt

        def after_backward(self, context: Any) -> None:
            pass

        def after_step(self, context: Any) -> None:
            pass

    def tuned(run: Run) -> dict[str, torch.Tensor]:
        encoder = CrossEncoder.open(model(tmp_path), max_tokens=24)
        tune_cross_encoder(encoder, questions(20), config=config, run=run)
        return encoder.network.state_dict()

    whole = tuned(Run())
    with pytest.raises(KeyboardInterrupt):
        tuned(Run(folder=tmp_path / "run", hooks=(Stop(),)))
    for name, tensor in tuned(Run(folder=tmp_path / "run")).items():
        assert torch.equal(tensor, whole[name]), name


@pytest.mark.parametrize("text_dropout", [0.0, 0.3])
def test_an_encoder_learns_what_goes_together(tmp_path: Path, text_dropout: float) -> None:
    """Polish and nail are chosen together, drill and film are: afterwards their vectors are close."""
    encoder = HuggingFaceTextEncoder.open(model(tmp_path), max_tokens=8)
    rng = np.random.default_rng(0)
    pairs = [rng.permutation([0, 3]) if rng.random() < 0.5 else rng.permutation([1, 2]) for _ in range(60)]
    histories = Histories.of_rows(pairs, num_items=4)
    config = ContrastiveConfig(pairs=8, history_items=1, temperature=0.2, text_dropout=text_dropout, training=training(max_epochs=10))
    tune_encoder(encoder, histories, NOUNS, config=config, run=Run())
    likeness = encoder.encode(NOUNS) @ encoder.encode(NOUNS).T
    assert min(likeness[0, 3], likeness[1, 2]) > max(likeness[0, 1], likeness[0, 2], likeness[3, 1], likeness[3, 2]) + 0.2


def test_nothing_to_learn_from_is_said(tmp_path: Path) -> None:
    encoder = HuggingFaceTextEncoder.open(model(tmp_path), max_tokens=8)
    lonely = Histories.of_rows([np.array([0]), np.array([1, 2])], num_items=3)
    with pytest.raises(DataError, match="no user chose two items that have a text"):
        tune_encoder(encoder, lonely, ("drill", "film", ""), config=ContrastiveConfig(), run=Run())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_decoder_learns_to_tell_what_comes_next(tmp_path: Path, precision: str) -> None:
    loaded = load_decoder(str(_decoder(tmp_path)))
    scorer = CausalScorer(loaded, config=CausalConfig(prompt="of {history}", max_tokens=24, max_candidate_tokens=4))
    rng = np.random.default_rng(0)
    nouns = [NOUNS[number] for number in rng.integers(0, 4, 80)]
    config = CausalTuningConfig(
        tuning=TuningConfig(adapter=AdapterConfig(rank=8, targets=("q_proj", "v_proj", "o_proj", "down_proj"))),
        training=training(max_epochs=12, learning_rate=3e-2, precision=precision),
    )
    tune_decoder(scorer, [f"a {noun}" for noun in nouns], nouns, config=config, run=Run())
    for number, noun in enumerate(NOUNS):
        assert scorer.scores(f"a {noun}", NOUNS).argmax() == number


def _decoder(tmp_path: Path) -> Path:
    from tests.models.language_models import SIZES, WORDS, tokenizer
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    folder = tmp_path / "decoder"
    LlamaForCausalLM(LlamaConfig(**SIZES, vocab_size=len(WORDS), pad_token_id=0, num_key_value_heads=1)).save_pretrained(folder)
    tokenizer(has_marks=False).save_pretrained(folder)
    return folder


class Holder(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner


def test_lower_layers_learn_more_slowly_and_wake_later(tmp_path: Path) -> None:
    network = load_model(model(tmp_path)).model
    tuning = Tuning(network, TuningConfig(layer_decay=0.5, unfreeze=0.8))
    early, late = tuning.rates(Holder(network), 0.1), tuning.rates(Holder(network), 0.9)
    top, bottom, table = (
        f"inner.{name}"
        for name in ("encoder.layer.1.output.dense.weight", "encoder.layer.0.output.dense.weight", "embeddings.word_embeddings.weight")
    )
    assert (early[top], early[bottom], early[table]) == (1.0, 0.0, 0.0)
    assert (late[top], late[bottom], late[table]) == (1.0, 0.5, 0.25)


def test_only_the_topmost_layers_learn_when_asked_so(tmp_path: Path) -> None:
    network = load_model(model(tmp_path)).model
    Tuning(network, TuningConfig(trained_layers=1))
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert trained and all(name.startswith(("encoder.layer.1.", "pooler")) for name in trained)
    with pytest.raises(ConfigError, match="trained_layers 3 is more than the model has: 2"):
        Tuning(load_model(model(tmp_path)).model, TuningConfig(trained_layers=3))


@pytest.mark.parametrize("kind", ["lora", "bottleneck"])
def test_adapters_of_the_topmost_layers_learn_at_their_layers_rates(tmp_path: Path, kind: Any) -> None:
    config = TuningConfig(adapter=AdapterConfig(kind=kind), trained_layers=1, layer_decay=0.5)
    encoder = CrossEncoder.open(model(tmp_path), max_tokens=24)
    tuning = Tuning(encoder.network.model, config)
    trained = {name for name, parameter in encoder.network.model.named_parameters() if parameter.requires_grad}
    assert trained and all("layer.1." in name for name in trained)
    assert set(tuning.rates(encoder.network, 0.5)) == {f"model.{name}" for name in trained}
    another = CrossEncoder.open(model(tmp_path), max_tokens=24)
    result = tune_cross_encoder(another, questions(20), config=RelevanceConfig(tuning=config, training=training(max_epochs=1)), run=Run())
    assert result.steps > 0


def test_gradients_are_the_same_when_layers_are_computed_twice(tmp_path: Path) -> None:
    config = RelevanceConfig(training=training(max_epochs=1), pairs=16)
    twice = config.model_copy(update={"tuning": TuningConfig(checkpoint_gradients=True)})
    states = []
    for one in (config, twice):
        encoder = CrossEncoder.open(model(tmp_path), max_tokens=24)
        tune_cross_encoder(encoder, questions(20), config=one, run=Run())
        states.append(encoder.network.state_dict())
    for name, tensor in states[0].items():
        torch.testing.assert_close(tensor, states[1][name], atol=1e-5, rtol=1e-4, msg=name)


@pytest.mark.parametrize("config", [ContrastiveConfig, RelevanceConfig, CausalTuningConfig])
def test_a_size_in_tokens_is_refused_where_batches_are_pairs(config: type[ContrastiveConfig | RelevanceConfig | CausalTuningConfig]) -> None:
    with pytest.raises(ConfigError, match="tokens does not bound batches of pairs; set pairs"):
        config.parse({"training": {"tokens": 512}})


def test_a_frozen_encoder_takes_no_tuning() -> None:
    with pytest.raises(ConfigError, match="is_frozen learns the head alone"):
        RelevanceConfig(is_frozen=True, tuning=TuningConfig(layer_decay=0.9))
