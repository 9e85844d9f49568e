"""Peak memory of a piece of work, by the means that the machine allows, and always labelled with the means."""

import resource
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"
"""What clears the high-water mark, from Linux 4.0 on (proc(5))."""
SAMPLE_SECONDS = 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class PeakMemory:
    """Most memory that the whole process held during a piece of work."""

    num_bytes: int
    added_bytes: int
    """The same above what was held when the work began; 0 where memory already taken sufficed."""
    method: str
    """`high-water mark` (exact), `sampled` (every 10 ms, may miss a peak) or `process maximum` (since the process began)."""


@dataclass(kw_only=True, slots=True)
class MemoryWatch:
    """Watches the memory of a block; `peak` holds once it has ended.

    >>> with MemoryWatch() as watch:
    ...     work = bytearray(1_000_000)
    >>> watch.peak.num_bytes > 1_000_000
    True
    """

    peak: PeakMemory = field(default_factory=lambda: PeakMemory(num_bytes=0, added_bytes=0, method=""))
    _before: int = 0
    _sampled: int = 0
    _done: threading.Event = field(default_factory=threading.Event)
    _sampler: threading.Thread | None = None
    _method: str = ""

    def __enter__(self) -> Self:
        if not _STATUS.exists():
            self._method, self._before = "process maximum", _process_maximum()
            return self
        self._before = _held("VmRSS")
        try:
            _RESET.write_text(_RESET_PEAK, encoding="ascii")
            self._method = "high-water mark"
        except OSError:
            self._method = "sampled"
            self._sampler = threading.Thread(target=self._sample, daemon=True)
            self._sampler.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        if self._sampler is not None:
            self._sampler.join()
        reached = {"high-water mark": lambda: _held("VmHWM"), "sampled": lambda: self._sampled}.get(self._method, _process_maximum)()
        self.peak = PeakMemory(num_bytes=reached, added_bytes=max(0, reached - self._before), method=self._method)

    def _sample(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._done.wait(SAMPLE_SECONDS)
            self._sampled = max(self._sampled, _held("VmRSS"))


def _held(field_name: str) -> int:
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{field_name}:"):
            return int(line.split()[1]) * 1024
    return _process_maximum()


def _process_maximum() -> int:
    """Linux counts kibibytes, macOS bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
