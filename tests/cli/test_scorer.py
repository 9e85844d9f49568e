"""The verb scorer: a ranker in a quarter of its size that orders alike, and errors with the next step."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.models.rankers import random_causal_scorer, random_cross_encoder

from leanrec.cli import main
from leanrec.features.onnx_pairs import OnnxPairs
from leanrec.features.scorer_opening import open_language_scorer
from leanrec.workflow.text_encoders import SAMPLE_TEXTS


def run(*arguments: object, code: int = 0) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["scorer", *map(str, arguments)])
    assert stopped.value.code == code


@pytest.fixture(scope="module")
def ranker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranker") / "exact"
    OnnxPairs(random_cross_encoder(SAMPLE_TEXTS).to_graph()).save(folder)
    return folder


def test_a_ranker_in_eight_bits_is_opened_and_orders_alike(ranker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(ranker, "--to", tmp_path / "small", "--json")
    report = json.loads(capsys.readouterr().out)
    opened = open_language_scorer(tmp_path / "small")
    assert report["fingerprint"] == opened.fingerprint
    assert report["agreement"]["num_questions"] == 10
    assert report["agreement"]["correlation"] > 0.9
    exact = open_language_scorer(ranker).scores(SAMPLE_TEXTS[0], SAMPLE_TEXTS[1:])
    small = opened.scores(SAMPLE_TEXTS[0], SAMPLE_TEXTS[1:])
    assert np.corrcoef(exact, small)[0, 1] > 0.9 and not np.array_equal(exact, small)


def test_people_read_what_it_saved_and_what_it_cost(ranker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(ranker, "--to", tmp_path / "small")
    printed = capsys.readouterr().out
    for promise in ("same candidate first", "correlation of scores", "MB, was", f"scorer = '{tmp_path / 'small'}'"):
        assert promise in printed


def test_what_cannot_be_shrunk_is_said(ranker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(ranker, "--to", tmp_path / "small")
    run(tmp_path / "small", "--to", tmp_path / "smaller", code=1)
    assert "is in eight bits already" in capsys.readouterr().err
    random_causal_scorer(SAMPLE_TEXTS).save(tmp_path / "decoder")
    run(tmp_path / "decoder", "--to", tmp_path / "smaller", code=1)
    assert "holds a decoder" in capsys.readouterr().err
    run(tmp_path / "nowhere", "--to", tmp_path / "smaller", code=1)
    assert "there is no language scorer at" in capsys.readouterr().err
    assert not (tmp_path / "smaller").exists()
