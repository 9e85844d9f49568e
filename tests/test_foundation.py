"""Errors, settings, registry, artifacts: what every other room stands on."""

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import Field

from leanrec import errors, registry
from leanrec.artifact import ARRAYS_FILE, MANIFEST_FILE, Artifact, Manifest, save_artifact, writing_file, writing_folder
from leanrec.config import Budget, Config, apply_overrides, read_toml
from leanrec.errors import ArtifactError, BudgetError, ConfigError
from leanrec.training.growth import GrowthConfig


class Inner(Config):
    valid_days: int = Field(default=7, ge=1)


class Outer(Config):
    split: Inner = Inner()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    folder = tmp_path / "thing"
    save_artifact(folder, Manifest(kind="thing", config={"a": 1}), {"x": np.arange(6, dtype=np.float32).reshape(2, 3)})
    return folder


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.ConfigError, ValueError),
        (errors.DataError, ValueError),
        (errors.UnknownIdError, KeyError),
        (errors.NotFittedError, RuntimeError),
        (errors.ArtifactError, OSError),
        (errors.BudgetError, RuntimeError),
        (errors.ServiceError, ConnectionError),
        (errors.MissingExtraError, ImportError),
        (errors.PlugInError, TypeError),
    ],
)
def test_every_error_is_also_its_builtin_and_prints_message_and_hint(error: type[errors.LeanRecError], builtin: type[Exception]) -> None:
    raised = error("found 3", hint="use 4")
    assert isinstance(raised, builtin)
    assert str(raised) == "found 3\nuse 4"


def test_a_misspelt_key_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"shop.toml: unknown key 'split.valid_day'\ndid you mean 'valid_days'"):
        Outer.parse({"split": {"valid_day": 3}}, where="shop.toml")


def test_a_value_out_of_range_names_key_and_value() -> None:
    with pytest.raises(ConfigError, match=r"split.valid_days = 0 is not allowed"):
        Outer.parse({"split": {"valid_days": 0}})
    with pytest.raises(ConfigError, match=r"minutes = -1"):
        Budget(minutes=-1)


def test_settings_that_do_not_go_together_are_named_without_a_key() -> None:
    with pytest.raises(ConfigError, match=r"^growth: \{'at': \[0\.5\]\} is not allowed: .*nothing grows"):
        GrowthConfig.parse({"at": [0.5]}, where="growth")


def test_overrides_reach_into_tables_and_leave_the_original_alone() -> None:
    settings = {"split": {"valid_days": 7}}
    assert apply_overrides(settings, ["split.valid_days=3", "name=my shop"]) == {"split": {"valid_days": 3}, "name": "my shop"}
    assert settings == {"split": {"valid_days": 7}}
    with pytest.raises(ConfigError, match="key=value"):
        apply_overrides({}, ["valid_days"])
    with pytest.raises(ConfigError, match="not a table"):
        apply_overrides({"a": 1}, ["a.b=2"])


def test_broken_toml_names_the_file_and_the_line(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("a = 1\nb = = 2\n")
    with pytest.raises(ConfigError, match=r"bad.toml.*line 2"):
        read_toml(tmp_path / "bad.toml")
    with pytest.raises(ConfigError, match="no configuration file"):
        read_toml(tmp_path / "none.toml")


def test_a_budget_refuses_what_it_cannot_hold() -> None:
    with pytest.raises(BudgetError, match=r"the table needs about 3.0 GB of memory; the budget allows 2 GB"):
        Budget(memory_gb=2).require_memory(3 * 10**9, purpose="the table", hint="use a smaller one")


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'popularity'"):
        registry.find("leanrec.recommenders", "popularty")


def test_an_artifact_comes_back_as_it_was(saved: Path) -> None:
    artifact = Artifact.open(saved, kind="thing")
    assert artifact.manifest.config == {"a": 1}
    assert artifact.arrays["x"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert artifact.num_bytes == sum(path.stat().st_size for path in saved.iterdir())


def test_a_damaged_artifact_is_refused(saved: Path) -> None:
    content = bytearray((saved / ARRAYS_FILE).read_bytes())
    content[-1] ^= 1
    (saved / ARRAYS_FILE).write_bytes(content)
    with pytest.raises(ArtifactError, match="damaged"):
        Artifact.open(saved)


def test_an_edited_manifest_is_refused(saved: Path) -> None:
    path = saved / MANIFEST_FILE
    path.write_text(path.read_text().replace('"a": 1', '"a": 2'))
    with pytest.raises(ArtifactError, match="edited"):
        Artifact.open(saved)


def test_a_newer_artifact_is_refused_with_the_format_it_has(saved: Path) -> None:
    path = saved / MANIFEST_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 99, "new_field": 1}))
    with pytest.raises(ArtifactError, match=r"has format 99.*\ninstall a newer leanrec"):
        Artifact.open(saved)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"kind": "thing"}', '{"fingerprint": "x", "format_version": 1, "parents": 3}'])
def test_a_manifest_that_is_none_is_refused(saved: Path, content: str) -> None:
    (saved / MANIFEST_FILE).write_text(content)
    with pytest.raises(ArtifactError, match=r"damaged|format"):
        Artifact.open(saved)


def test_a_missing_file_and_a_wrong_kind_are_refused(saved: Path) -> None:
    with pytest.raises(ArtifactError, match="holds a 'thing', not a 'dataset'"):
        Artifact.open(saved, kind="dataset")
    (saved / ARRAYS_FILE).unlink()
    with pytest.raises(ArtifactError, match="incomplete"):
        Artifact.open(saved)
    with pytest.raises(ArtifactError, match="no leanrec artifact"):
        Artifact.open(saved.parent)


def test_a_folder_that_is_not_ours_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(ArtifactError, match="nothing was overwritten"):
        save_artifact(tmp_path / "photos", Manifest(kind="thing"))
    assert (tmp_path / "photos" / "cat.jpg").read_bytes() == b"cat"


def test_a_failed_write_leaves_what_was_there(saved: Path) -> None:
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    with pytest.raises(ZeroDivisionError), writing_folder(saved) as draft:
        (draft / "half").write_text("half")
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), writing_file(saved / ARRAYS_FILE) as draft:
        draft.write_text("half")
        raise ZeroDivisionError
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_saving_again_replaces_the_whole_folder(saved: Path) -> None:
    save_artifact(saved, Manifest(kind="other"))
    assert Artifact.open(saved).manifest.kind == "other"
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]
