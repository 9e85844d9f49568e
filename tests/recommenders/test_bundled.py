"""Bundled: saves again what it opened, cannot be fitted, and refuses what is damaged or no bundle."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.recommenders.data import dataset_of

from leanrec.artifact import MANIFEST_FILE, Artifact, save_into
from leanrec.data.query import Query
from leanrec.errors import ArtifactError, ConfigError, NotFittedError
from leanrec.recommenders.building import build
from leanrec.recommenders.bundled import ENCODER_FILE, Bundled
from leanrec.recommenders.protocol import GivesInfluences, SimilarItems
from leanrec.recommenders.sequential import Sequential

HISTORIES = {"u": "abcd", "v": "abd", "w": "acd", "x": "be", "y": "ce", "z": "abcde"}
SETTINGS = {"encoder": {"width": 8, "max_length": 4, "num_layers": 1}, "training": {"max_epochs": 1, "warmup_epochs": 0}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bundle") / "sequential"
    build("sequential", SETTINGS).fit(dataset_of(HISTORIES)).save(place)
    return place


def test_saved_again_it_is_the_same_bytes_and_torch_opens_it(folder: Path, tmp_path: Path) -> None:
    Bundled.load(folder).save(tmp_path / "again")
    for path in sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file()):
        assert (tmp_path / "again" / path).read_bytes() == (folder / path).read_bytes(), path
    query = Query(history=("a", "b", "c"))
    found = Sequential.load(tmp_path / "again").catalogue_scores([query])
    np.testing.assert_allclose(found, Bundled.load(folder).catalogue_scores([query]), atol=1e-6)


def test_it_answers_under_the_name_it_was_fitted_by_and_keeps_every_door(folder: Path) -> None:
    bundled = Bundled.load(folder)
    assert isinstance(bundled, GivesInfluences)
    assert isinstance(bundled, SimilarItems)
    (answer,) = bundled.recommend([Query(history=("a", "b"))], k=2)
    assert {item.source for item in answer.items} == {"sequential"}
    assert bundled.influences(np.array([0, 1, 0]), np.array([3])).shape == (3, 1)
    assert bundled.similar("a", k=2) == Sequential.load(folder).similar("a", k=2)


def test_it_cannot_be_fitted_nor_asked_before_it_is_opened() -> None:
    with pytest.raises(ConfigError, match="cannot be fitted"):
        Bundled().fit(dataset_of(HISTORIES))
    with pytest.raises(NotFittedError):
        Bundled().recommend([Query()])


def test_a_damaged_graph_is_refused(folder: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(folder, tmp_path / "damaged")
    graph = damaged / ENCODER_FILE
    graph.write_bytes(graph.read_bytes()[:-7])
    with pytest.raises(ArtifactError, match=r"encoder\.onnx"):
        Bundled.load(damaged)


def test_a_graph_that_does_not_run_is_refused_though_its_hash_is_right(folder: Path, tmp_path: Path) -> None:
    forged = shutil.copytree(folder, tmp_path / "forged")
    manifest = replace(Artifact.open(forged).manifest, files={})
    (forged / ENCODER_FILE).write_bytes(b"no graph at all")
    (forged / MANIFEST_FILE).unlink()
    save_into(forged, manifest)
    with pytest.raises(ArtifactError, match="cannot be run"):
        Bundled.load(forged)


def test_what_holds_no_graph_is_refused(tmp_path: Path) -> None:
    build("cooccurrence").fit(dataset_of(HISTORIES)).save(tmp_path / "graph")
    with pytest.raises(ArtifactError, match="without a graph to run"):
        Bundled.load(tmp_path / "graph")
