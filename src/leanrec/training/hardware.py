"""Hardware: how much of the machine is free for a fit."""

from pathlib import Path

MEMORY_INFORMATION = Path("/proc/meminfo")
CONTAINER_LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)


def available_memory_bytes() -> int | None:
    """Bytes of main memory that can still be taken, the limit of a container included; `None` where the system does not say."""
    known = [amount for amount in (_free_in_system(), *(_free_in_container(*files) for files in CONTAINER_LIMITS)) if amount is not None]
    return min(known, default=None)


def _free_in_system() -> int | None:
    if not MEMORY_INFORMATION.is_file():
        return None
    for line in MEMORY_INFORMATION.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _free_in_container(limit_file: Path, usage_file: Path) -> int | None:
    if not (limit_file.is_file() and usage_file.is_file()):
        return None
    limit = limit_file.read_text(encoding="ascii").strip()
    return max(0, int(limit) - int(usage_file.read_text(encoding="ascii"))) if limit.isdigit() else None
