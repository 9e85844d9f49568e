"""Pre-training: reading lowers the loss on texts held out, the folder opens everywhere, and a kill costs nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.training.readers import config_of, save_decoder, save_encoder, shop_corpus
from transformers import AutoModel, AutoModelForCausalLM

from leanrec.artifact import Artifact
from leanrec.config import Budget
from leanrec.errors import ArtifactError, ConfigError, DataError
from leanrec.features.corpus import CorpusConfig, make_corpus
from leanrec.models.adapters import AdapterConfig
from leanrec.models.text_loading import load_decoder, load_model
from leanrec.training.language_tuning import TuningConfig
from leanrec.training.loop import TrainingResult, train
from leanrec.training.pretrain import PretrainResult, pretrain
from leanrec.training.pretrain_config import PretrainConfig
from leanrec.training.run import Run

SCRIPT = Path(__file__).with_name("readers.py")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_decoder(tmp_path_factory.mktemp("decoder"))


@pytest.fixture(scope="module")
def read_once(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> PretrainResult:
    return pretrain(str(encoder), shop_corpus(), config_of(), to=tmp_path_factory.mktemp("read") / "model")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found = {f"{path.name}/{name}": tensor for path in folder.glob("*.safetensors") for name, tensor in load_file(path).items()}
    assert found
    return found


def same_weights(first: Path, second: Path) -> bool:
    one, other = weights(first), weights(second)
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_an_encoder_reads_better_than_its_new_head_learned_alone(read_once: PretrainResult) -> None:
    assert (read_once.objective, read_once.has_new_head) == ("masked", True)
    assert read_once.after.mean < read_once.before.mean < read_once.untouched.mean
    gain = read_once.to_dict()["loss"]["gain"]
    assert gain["value"] == pytest.approx(read_once.before.mean - read_once.after.mean)
    assert 0 < gain["low"] < gain["value"] < gain["high"]
    assert read_once.figures["steps"] == read_once.figures["control_steps"]
    assert len(read_once.figures["validation"]) == read_once.figures["epochs"] == 3
    json.dumps(read_once.to_dict())


def test_what_is_written_opens_as_any_model_and_goes_on_with_its_head(read_once: PretrainResult, encoder: Path, tmp_path: Path) -> None:
    model = AutoModel.from_pretrained(read_once.folder)
    loaded = load_model(str(read_once.folder))
    ids = torch.tensor([[2, 5, 6, 3]])
    with torch.inference_mode():
        told = loaded.model(ids).last_hidden_state
        assert torch.allclose(model.eval()(ids).last_hidden_state, told, atol=1e-5)
        assert not torch.allclose(load_model(str(encoder)).model(ids).last_hidden_state, told, atol=1e-2)
    further = pretrain(str(read_once.folder), shop_corpus(), config_of(), to=tmp_path / "further")
    assert not further.has_new_head
    assert further.untouched.mean == read_once.after.mean
    assert np.array_equal(further.before.sums, further.untouched.sums)


def test_the_manifest_names_base_texts_and_settings(read_once: PretrainResult, encoder: Path) -> None:
    manifest = Artifact.open(read_once.folder, kind="language-model").manifest
    made_of = manifest.config["made_of"]
    assert manifest.parents == (made_of["base"], shop_corpus().fingerprint)
    assert made_of["settings"]["training"]["learning_rate"] == 0.01
    assert manifest.config["base"] == encoder.name
    assert manifest.metrics["loss_after"] == pytest.approx(read_once.after.mean)


def test_a_decoder_learns_what_comes_next(decoder: Path, tmp_path: Path) -> None:
    result = pretrain(str(decoder), shop_corpus(), config_of(), to=tmp_path / "model")
    assert (result.objective, result.has_new_head) == ("causal", False)
    assert result.after.mean < 0.7 * result.before.mean
    text = torch.tensor([[5, 6, 7]])
    with torch.inference_mode():
        told = load_decoder(str(result.folder)).model(text).logits
        assert torch.equal(told, AutoModelForCausalLM.from_pretrained(result.folder, attn_implementation="sdpa").eval()(text).logits)


@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_an_adapter_is_folded_into_what_is_written(decoder: Path, tmp_path: Path, kind: str) -> None:
    targets = ("q_proj", "v_proj", "up_proj", "down_proj")
    tuning = TuningConfig(adapter=AdapterConfig(kind=kind, rank=8, targets=targets), checkpoint_gradients=True)
    training = {"precision": "float32"}
    result = pretrain(str(decoder), shop_corpus(), config_of(tuning=tuning, training=training), to=tmp_path / "model")
    assert result.after.mean < result.before.mean
    first, last = weights(decoder), weights(result.folder)
    own = {name: tensor for name, tensor in last.items() if name.startswith("model.")}
    assert own.keys() == first.keys()
    assert {name for name, tensor in own.items() if not torch.equal(tensor, first[name])} == {name for name in own if any(t in name for t in targets)}
    again = pretrain(str(result.folder), shop_corpus(), config_of(training={**training, "max_epochs": 1}), to=tmp_path / "again")
    assert again.before.mean == pytest.approx(result.after.mean, abs=1e-5)


def test_lower_layers_learn_slower_and_the_head_fastest(encoder: Path, tmp_path: Path) -> None:
    tuning, training = TuningConfig(layer_decay=0.1), {"optimizer": "sgd", "momentum": 0.0, "clip": None, "max_epochs": 1, "weight_decay": 0.0}
    config = config_of(tuning=tuning, training=training, body_rate=0.5, control=False)
    slow = pretrain(str(encoder), shop_corpus(), config, to=tmp_path / "slow")
    whole = pretrain(str(encoder), shop_corpus(), config_of(training=training, control=False, body_rate=1.0), to=tmp_path / "whole")
    first = weights(encoder)
    moved = {
        name: [float((weights(result.folder)[name] - first[name]).norm()) for result in (slow, whole)]
        for name in first
        if name.endswith(("output.dense.weight", "word_embeddings.weight"))
    }
    shares = {name.removeprefix("model.safetensors/"): slowly / fully for name, (slowly, fully) in moved.items()}
    assert shares["encoder.layer.1.output.dense.weight"] == pytest.approx(0.5, rel=0.2)
    assert shares["encoder.layer.0.output.dense.weight"] == pytest.approx(0.05, rel=0.2)
    assert shares["embeddings.word_embeddings.weight"] == pytest.approx(0.005, rel=0.2)
    assert np.array_equal(slow.before.sums, slow.untouched.sums)
    assert "control_steps" not in slow.figures


def test_control_and_reading_share_the_minutes(encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed: list[float | None] = []

    def spied(*given: Any, run: Run, **options: Any) -> TrainingResult:
        allowed.append(run.budget.minutes)
        return train(*given, run=run, **options)

    monkeypatch.setattr("leanrec.training.pretrain.train", spied)
    config = config_of(training={"max_epochs": 100_000, "validate_every": 0})
    result = pretrain(str(encoder), shop_corpus(), config, to=tmp_path / "model", run=Run(budget=Budget(minutes=0.02)))
    assert allowed == [0.01, 0.01]
    assert result.figures["stopped_because"] == result.figures["control_stopped_because"] == "budget"


@pytest.mark.parametrize("killed", ["control", "reading"])
def test_killed_in_either_training_it_goes_on_to_the_same_bits(encoder: Path, read_once: PretrainResult, tmp_path: Path, killed: str) -> None:
    to = tmp_path / "model"
    kill_at = 13 + (read_once.figures["steps"] if killed == "reading" else 0)
    command = [sys.executable, str(SCRIPT), str(encoder), str(to), str(kill_at)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not to.exists()
    run = Run(folder=tmp_path / "run")
    assert (tmp_path / "run" / "control-done").exists() == (killed == "reading")
    result = pretrain(str(encoder), shop_corpus(), config_of(training={"checkpoint_steps": 10}), to=to, run=run)
    assert same_weights(to, read_once.folder)
    assert np.array_equal(result.before.sums, read_once.before.sums)
    told = [json.loads(line) for line in (tmp_path / "run" / killed / "journal.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["step"] for line in told if line["event"] == "resume"] == [10]
    assert not (tmp_path / "run" / "control-done").exists()


def test_what_is_there_already_is_not_made_again(encoder: Path, read_once: PretrainResult, tmp_path: Path) -> None:
    to = tmp_path / "model"
    shutil.copytree(read_once.folder, to)
    before = {path.name: path.stat().st_mtime_ns for path in to.iterdir()}
    result = pretrain(str(encoder), shop_corpus(), config_of(), to=to)
    assert {path.name: path.stat().st_mtime_ns for path in to.iterdir()} == before
    assert result.figures == read_once.figures
    other = pretrain(str(encoder), shop_corpus(), config_of(training={"max_epochs": 1}), to=to)
    assert other.figures["epochs"] == 1
    assert not same_weights(to, read_once.folder)


def broken(folder: Path, encoder: Path, decoder: Path, *, what: str) -> tuple[str, dict[str, Any]]:
    if what == "decoder":
        return str(decoder), {"objective": "masked"}
    if what == "encoder":
        return str(encoder), {"objective": "causal"}
    if what == "gguf":
        (folder / "cut.gguf").write_bytes(b"GGUF\x03\x00\x00\x00" + b"\x00" * 20)
        return str(folder / "cut.gguf"), {}
    if what == "missing":
        return str(folder / "nowhere"), {}
    shutil.copytree(encoder, folder / "model")
    path = folder / "model" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    return str(folder / "model"), {}


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("decoder", "cannot fill in hidden words"),
        ("encoder", "cannot"),
        ("gguf", "cannot be read"),
        ("missing", "hub"),
        ("shard", "cannot be read"),
    ],
)
def test_a_model_that_cannot_read_is_refused_and_nothing_is_written(encoder: Path, decoder: Path, tmp_path: Path, what: str, words: str) -> None:
    source, settings = broken(tmp_path, encoder, decoder, what=what)
    with pytest.raises(ConfigError, match=words):
        pretrain(source, shop_corpus(), config_of(**settings), to=tmp_path / "out" / "model", run=Run(folder=tmp_path / "run"))
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "run").exists()


def test_a_harmed_folder_of_ours_and_a_folder_of_somebody_are_refused(read_once: PretrainResult, encoder: Path, tmp_path: Path) -> None:
    shutil.copytree(read_once.folder, tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"model\.safetensors is damaged"):
        pretrain(str(tmp_path / "model"), shop_corpus(), config_of(), to=tmp_path / "out")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine.txt").write_text("dear")
    with pytest.raises(ArtifactError, match="was not written by leanrec"):
        pretrain(str(encoder), shop_corpus(), config_of(), to=tmp_path / "letters")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letters", "model"]


def test_texts_without_a_word_to_hide_and_settings_without_effect_are_refused(encoder: Path, tmp_path: Path) -> None:
    marks = make_corpus([f"[SEP] {'[CLS] ' * n}" for n in range(1, 40)], CorpusConfig(min_words=1, near_duplicates=1, held_out=0.5))
    with pytest.raises(DataError, match="has a token that"):
        pretrain(str(encoder), marks, config_of(), to=tmp_path / "out")
    with pytest.raises(ConfigError, match="bottleneck cannot be folded"):
        PretrainConfig(tuning=TuningConfig(adapter=AdapterConfig(kind="bottleneck")))
    with pytest.raises(ConfigError, match="max_tokens 65 is not allowed"):
        pretrain(str(encoder), shop_corpus(), config_of(max_tokens=65), to=tmp_path / "out")
    assert not (tmp_path / "out").exists()
