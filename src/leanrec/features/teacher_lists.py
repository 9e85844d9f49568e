"""TeacherLists: what a teacher says to many questions, its best items with their scores, written once, block by block."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from leanrec.artifact import MANIFEST_FILE, Artifact, Manifest, file_sha256, writing_file
from leanrec.console import ProgressBar
from leanrec.errors import ArtifactError, ConfigError, DataError
from leanrec.features.histories import FloatArray, Rows
from leanrec.features.teacher_questions import TeacherQuestions

log = logging.getLogger(__name__)

KIND = "teacher-lists"
BLOCK_QUESTIONS = 1024
"""Questions in a block: the most that an interruption can cost."""
SCORE_BYTES = 32_000_000
"""Scores of the whole catalogue that are asked for at once."""
ORIGIN_FILE = "origin.json"
"""What the lists in a folder belong to, there before the first of them; the manifest comes when the last one is."""
VECTORS_FILE = "vectors.safetensors"
_SUFFIX = ".block.safetensors"

Ask = Callable[[Sequence[Rows]], FloatArray]
"""Histories (item rows, oldest first) -> (B, N) what the teacher says of every item; higher is better."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListsOrigin:
    """What lists belong to: the same teacher, data, questions and length, or they are other lists."""

    teacher: str
    """Fingerprint of the teacher."""
    data: str
    """Fingerprint of the data that it was fitted on."""
    questions: str
    """Fingerprint of the questions."""
    num_questions: int
    length: int
    """L, the items of a list."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TeacherLists:
    """The best items of a teacher for B questions, best first, less those that the questions leave out."""

    item_rows: npt.NDArray[np.int32]
    """(B, L)"""
    scores: npt.NDArray[np.float16]
    """(B, L) how far below the best of the list; minus infinity where there were fewer than L items."""
    item_vectors: FloatArray | None = None
    """(N, V) the teacher's vectors of the whole catalogue, where it has any."""

    def __len__(self) -> int:
        return len(self.item_rows)

    @classmethod
    def open(cls, folder: Path, *, origin: ListsOrigin | None = None) -> "TeacherLists":
        """The lists in a folder; raises `ArtifactError` when they are damaged or unfinished, `DataError` when they are of another origin."""
        artifact = Artifact.open(Path(folder), kind=KIND)
        if origin is not None:
            _require_same(Path(folder), artifact.manifest.config, origin)
        blocks = [_read_block(artifact.folder / name) for name in sorted(artifact.manifest.files) if name.endswith(_SUFFIX)]
        vectors = load_arrays((artifact.folder / VECTORS_FILE).read_bytes())["items"] if VECTORS_FILE in artifact.manifest.files else None
        return cls(
            item_rows=np.concatenate([rows for rows, _ in blocks]), scores=np.concatenate([scores for _, scores in blocks]), item_vectors=vectors
        )


def write_lists(ask: Ask, questions: TeacherQuestions, origin: ListsOrigin, *, folder: Path, item_vectors: FloatArray | None = None) -> TeacherLists:
    """Ask the teacher everything that the folder does not hold yet, and give all lists.

    A block of `BLOCK_QUESTIONS` questions is on disk, whole, before the next is asked. A run that was killed and started again asks nothing
    twice and ends with the same bytes. A block that cannot be read is asked again, with a warning. Raises `DataError` for a
    folder of another teacher, other data or other questions, and `ConfigError` when it is something else.
    """
    folder = Path(folder)
    _claim(folder, origin, questions)
    names = []
    with ProgressBar("asking the teacher", total=len(questions)) as bar:
        for number, start in enumerate(range(0, len(questions), BLOCK_QUESTIONS)):
            stop = min(len(questions), start + BLOCK_QUESTIONS)
            names.append(f"{number:06}{_SUFFIX}")
            if not _is_done(folder / names[-1], shape=(stop - start, origin.length)):
                rows, scores = _best(ask, questions, start, stop, length=origin.length)
                _write(folder / names[-1], {"item_rows": rows, "scores": scores, "check": _check_of(rows, scores)})
            bar.advance(stop - start)
    if item_vectors is not None:
        names.append(VECTORS_FILE)
        _write(folder / VECTORS_FILE, {"items": np.ascontiguousarray(item_vectors, np.float32)})
    files = {name: file_sha256(folder / name) for name in (*names, ORIGIN_FILE)}
    manifest = Manifest(kind=KIND, config=asdict(origin), parents=(origin.teacher, origin.data), files=files)
    with writing_file(folder / MANIFEST_FILE) as draft:
        draft.write_text(manifest.to_json(), encoding="utf-8")
    return TeacherLists.open(folder, origin=origin)


def _claim(folder: Path, origin: ListsOrigin, questions: TeacherQuestions) -> None:
    """Make the folder one of these lists, or refuse it."""
    if origin.questions != questions.fingerprint or origin.num_questions != len(questions):
        raise DataError("the origin names other questions than those that are asked", hint="make it from the questions' own fingerprint and number")
    if not len(questions) or origin.length < 1:
        raise DataError(f"{len(questions)} questions and lists of {origin.length} items: nothing to write", hint="at least one of both")
    if folder.is_file() or (folder.is_dir() and not (folder / ORIGIN_FILE).is_file() and any(folder.glob("[!.]*"))):
        raise ConfigError(f"{folder} exists and holds no teacher's lists; nothing was written", hint="choose another folder")
    if (folder / ORIGIN_FILE).is_file():
        _require_same(folder, json.loads((folder / ORIGIN_FILE).read_text(encoding="utf-8")), origin)
    else:
        with writing_file(folder / ORIGIN_FILE) as draft:
            draft.write_text(json.dumps(asdict(origin), indent=2) + "\n", encoding="utf-8")
    for left in folder.glob(".*.draft"):  # by a process that was killed
        left.unlink()


def _require_same(folder: Path, held: Mapping[str, Any], origin: ListsOrigin) -> None:
    """Raise `DataError` naming what differs."""
    wanted = asdict(origin)
    differing = [f"{name} is {_short(held.get(name))} there and {_short(wanted[name])} here" for name in wanted if held.get(name) != wanted[name]]
    if differing:
        raise DataError(f"the lists in {folder} are others: {'; '.join(differing)}", hint="write into another folder, or delete this one")


def _short(value: object) -> str:
    return value[:12] if isinstance(value, str) else str(value)


def _best(ask: Ask, questions: TeacherQuestions, start: int, stop: int, *, length: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float16]]:
    """(B, L) rows and scores of the best items, best first; equal scores in the order of rows."""
    num_items = questions.histories.num_items
    rows, scores = np.zeros((stop - start, length), np.int32), np.full((stop - start, length), -np.inf, np.float16)
    step, listed = max(1, SCORE_BYTES // (4 * num_items)), min(length, num_items)
    for first in range(start, stop, step):
        last = min(stop, first + step)
        for place, (said, left_out) in enumerate(zip(ask(questions.prefixes(first, last)), questions.left_out(first, last)), start=first - start):
            said[left_out] = -np.inf
            best = np.argpartition(-said, listed - 1)[:listed]
            best = best[np.lexsort((best, -said[best]))]
            highest = said[best[0]] if np.isfinite(said[best[0]]) else np.float32(0)
            rows[place, :listed], scores[place, :listed] = best, said[best] - highest
    return rows, scores


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """There whole or not at all."""
    with writing_file(path) as draft:
        draft.write_bytes(save_arrays(arrays))


def _is_done(path: Path, *, shape: tuple[int, int]) -> bool:
    """Whether a block is there; one that cannot be read is not."""
    if not path.is_file():
        return False
    try:
        return _read_block(path)[0].shape == shape
    except ArtifactError as error:
        log.warning("%s; its questions are asked again", error.message)
        return False


def _read_block(path: Path) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float16]]:
    try:
        arrays = load_arrays(path.read_bytes())
        rows, scores, check = arrays["item_rows"], arrays["scores"], arrays["check"]
    except (SafetensorError, KeyError, OSError) as error:
        raise ArtifactError(f"{path} cannot be read: {error}", hint="write the lists again: the other blocks stay") from None
    if not np.array_equal(check, _check_of(rows, scores)):
        raise ArtifactError(f"{path} is damaged: its sha256 does not match", hint="write the lists again: the other blocks stay")
    return rows, scores


def _check_of(rows: npt.NDArray[np.int32], scores: npt.NDArray[np.float16]) -> npt.NDArray[np.uint8]:
    """(32,) sha256 of a block, by which it vouches for itself before there is a manifest."""
    return np.frombuffer(hashlib.sha256(rows.tobytes() + scores.tobytes()).digest(), np.uint8)
