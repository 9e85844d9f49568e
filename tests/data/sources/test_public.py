"""Public sets are written only when every byte is the known one, and otherwise the way to them is told."""

import zipfile
from pathlib import Path

import pytest

from leanrec.data.sources import public
from leanrec.data.sources.public import PUBLIC_SETS, PublicSet, obtain
from leanrec.errors import ConfigError, DataError


def wheel_with(folder: Path, contents: dict[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "recbole-1.2.1-py3-none-any.whl", "w") as archive:
        for name, content in contents.items():
            archive.writestr(f"recbole/dataset_example/ml-100k/{name}", content)
    return folder


@pytest.fixture
def small_set(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    contents = {"x.inter": b"user_id:token\titem_id:token\n1\ta\n"}
    known = PublicSet(
        name="small", description="", page="https://example.org", hashes={name: public._sha256(content) for name, content in contents.items()}
    )
    monkeypatch.setattr(public, "PUBLIC_SETS", {"small": known})
    return contents


def test_files_come_out_of_the_wheel(tmp_path: Path, small_set: dict[str, bytes]) -> None:
    folder = obtain("small", to=tmp_path / "data", wheels=wheel_with(tmp_path / "wheels", small_set))
    assert (folder / "x.inter").read_bytes() == small_set["x.inter"]


def test_other_bytes_are_refused_and_nothing_is_written(tmp_path: Path, small_set: dict[str, bytes]) -> None:
    wheels = wheel_with(tmp_path / "wheels", {"x.inter": b"something else"})
    with pytest.raises(DataError, match="does not have the sha256"):
        obtain("small", to=tmp_path / "data", wheels=wheels)
    assert not (tmp_path / "data").exists()


def test_a_folder_without_the_wheel_says_how_to_fetch_it(tmp_path: Path, small_set: dict[str, bytes]) -> None:
    with pytest.raises(DataError) as caught:
        obtain("small", to=tmp_path / "data", wheels=tmp_path)
    assert "pip download --no-deps recbole==1.2.1" in caught.value.hint


def test_what_is_there_and_right_is_kept(tmp_path: Path, small_set: dict[str, bytes]) -> None:
    (tmp_path / "x.inter").write_bytes(small_set["x.inter"])
    assert obtain("small", to=tmp_path, wheels=tmp_path) == tmp_path


def test_sets_without_known_bytes_name_the_official_page(tmp_path: Path) -> None:
    for known in PUBLIC_SETS.values():
        if not known.hashes:
            with pytest.raises(DataError, match=known.page):
                obtain(known.name, to=tmp_path)


def test_an_unknown_set_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'movielens-100k'"):
        obtain("movielens100k", to=tmp_path)
