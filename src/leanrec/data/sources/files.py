"""Which files a path or URL names, what kind each is, and how to open it; gzip and remote stores included."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from leanrec.errors import DataError

FileKind = Literal["delimited", "jsonl", "parquet"]

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".tab", ".data", ".parquet", ".pq", ".jsonl", ".ndjson", ".json")
MAX_LINE_BYTES = 16 << 20
"""A line longer than this is refused before it fills the memory."""

_READ_FORMATS = "CSV, TSV, JSON lines (all also .gz) and Parquet"
_FOREIGN = {
    b"PK\x03\x04": ("a zip archive or a spreadsheet", "unzip it, or save the sheet as CSV"),
    b"SQLite format": ("an SQLite database", "export the table as CSV"),
    b"%PDF": ("a PDF", "export the table as CSV"),
    b"BZh": ("bzip2-compressed", "run bunzip2 on it"),
    b"\xfd7zXZ": ("xz-compressed", "run unxz on it"),
    b"\x28\xb5\x2f\xfd": ("zstd-compressed", "run unzstd on it"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFile:
    """One file of a source, local or remote."""

    url: str
    name: str
    """What messages call it."""

    @property
    def path(self) -> Path | None:
        """Where it lies on this machine, if it does."""
        return None if is_remote(self.url) else Path(self.url)

    @property
    def num_bytes(self) -> int | None:
        """Its size, where it is a plain file on this machine."""
        return self.path.stat().st_size if self.path is not None and not self.name.endswith(".gz") else None

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Its bytes, gzip undone; raises `DataError` when it cannot be read or is cut short."""
        try:
            with self._raw() as raw:
                head = raw.read(2)
                raw.seek(0)
                if head == b"\x1f\x8b":
                    with gzip.GzipFile(fileobj=raw) as unzipped:
                        yield cast(BinaryIO, unzipped)
                else:
                    yield raw
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{self.name}: the gzip file is cut short or damaged: {error}", hint="download or copy it again") from None
        except (PermissionError, IsADirectoryError, FileNotFoundError) as error:
            raise DataError(f"{self.name} cannot be opened: {error.strerror or error}", hint="check the path and its permissions") from None

    def first_bytes(self, count: int = 1 << 18) -> bytes:
        """The first bytes, gzip undone."""
        with self.opened() as stream:
            return stream.read(count)

    def _raw(self) -> BinaryIO:
        if self.path is not None:
            return self.path.open("rb")
        import fsspec

        return cast(BinaryIO, fsspec.open(self.url, "rb").open())


def is_remote(url: str) -> bool:
    """Whether the address names a store rather than a path (`s3://...`, `memory://...`)."""
    return "://" in str(url)


def local_folder(url: str) -> Path | None:
    """The folder that the address names on this machine, if it is one."""
    if is_remote(url):
        return None
    path = Path(url)
    return path if path.is_dir() else None


def files_at(url: str, *, suffixes: tuple[str, ...] = TABLE_SUFFIXES) -> list[DataFile]:
    """The file itself, or the files of a folder with these suffixes (also with .gz), sorted by name; of its folders when it has none.

    Raises `DataError` when there is none.
    """
    found = _remote_files(url, suffixes) if is_remote(url) else _local_files(Path(url), suffixes)
    if not found:
        raise DataError(f"{url}: the folder holds no file that can be read", hint=f"leanrec reads {_READ_FORMATS}")
    return found


def kind_of(file: DataFile) -> FileKind:
    """What the first bytes say the file is; raises `DataError` for an empty file and for what cannot be read."""
    head = file.first_bytes()
    if not head.strip():
        raise DataError(f"{file.name} is empty", hint="give a file with a header line and one event a line")
    if head.startswith(b"PAR1"):
        return "parquet"
    for magic, (what, hint) in _FOREIGN.items():
        if head.startswith(magic):
            raise DataError(f"{file.name} is {what}; leanrec reads {_READ_FORMATS}", hint=hint)
    if _stem_suffix(file.name) in (".parquet", ".pq"):
        raise DataError(f"{file.name} is named Parquet but does not begin like one: it is damaged or something else", hint="write the file again")
    refuse_binary(head, name=file.name)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"["):
        raise DataError(f"{file.name} is one JSON array; leanrec reads JSON lines", hint="write one object a line: jq -c '.[]' in.json > out.jsonl")
    return "jsonl" if text.startswith(b"{") else "delimited"


def refuse_binary(head: bytes, *, name: str) -> None:
    """Raise `DataError` when the bytes are no text: control characters that no text file holds."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return
    strange = sum(head.count(code) for code in (*(bytes([c]) for c in range(9)), *(bytes([c]) for c in range(14, 28))))
    if strange > len(head) // 200:
        raise DataError(
            f"{name} is no text file: {strange} of its first {len(head)} bytes are control characters", hint=f"leanrec reads {_READ_FORMATS}"
        )


def _local_files(path: Path, suffixes: tuple[str, ...]) -> list[DataFile]:
    if not path.exists():
        raise DataError(f"no file or folder at {path}", hint="check the path; relative paths start at the current folder")
    if path.is_file():
        return [DataFile(url=str(path), name=str(path))]
    chosen = [
        entry
        for entry in sorted(path.iterdir())
        if entry.is_file() and not entry.name.startswith((".", "_")) and _stem_suffix(entry.name) in suffixes
    ]
    if not chosen:
        chosen = [entry for entry in sorted(path.rglob("*")) if entry.is_file() and _stem_suffix(entry.name) in suffixes]
    return [DataFile(url=str(entry), name=str(entry)) for entry in chosen]


def _remote_files(url: str, suffixes: tuple[str, ...]) -> list[DataFile]:
    import fsspec

    try:
        store, path = fsspec.core.url_to_fs(url)
        if store.isfile(path):
            return [DataFile(url=url, name=url)]
        entries = sorted(entry for entry in store.ls(path, detail=False) if _stem_suffix(entry) in suffixes)
    except FileNotFoundError:
        raise DataError(f"nothing is stored at {url}", hint="check the address") from None
    except (ImportError, ValueError, OSError) as error:
        raise DataError(f"{url} cannot be opened: {error}", hint="install the fsspec driver of that store (s3fs, gcsfs, adlfs)") from None
    urls = [store.unstrip_protocol(entry) for entry in entries]
    return [DataFile(url=entry, name=entry) for entry in urls]


def _stem_suffix(name: str) -> str:
    return Path(name.lower().removesuffix(".gz")).suffix


def as_stream(content: bytes) -> BinaryIO:
    """Bytes as a stream, for sources that hold them already."""
    return io.BytesIO(content)
