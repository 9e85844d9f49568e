"""Processor: how much memory and how many cores there are, and how fast they copy and multiply: medians of several tries."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

from leanrec.training.hardware import CONTAINER_LIMITS

MOST_TRIES = 25
"""A median over more changes little."""
LEAST_SIDE = 128
"""Rows and columns of the smallest matrices that tell how fast a processor multiplies."""


def median_seconds(work: Callable[[], object], *, limit_seconds: float, fewest: int = 3) -> float:
    """Wall-clock seconds of doing the work, the median of as many tries as the limit holds: `fewest` at least, 25 at most."""
    taken: list[float] = []
    while len(taken) < fewest or (len(taken) < MOST_TRIES and sum(taken) < limit_seconds):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken)


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """Bytes of main memory, or what a container is allowed of it."""
    all_of_it = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    stated = [limit.read_text(encoding="ascii").strip() for limit, _ in CONTAINER_LIMITS if limit.is_file()]
    return min([all_of_it, *(int(limit) for limit in stated if limit.isdigit())])


def copy_gb_s(num_bytes: int, *, num_threads: int, limit_seconds: float) -> float:
    """Gigabytes read and written a second while threads copy an array of `num_bytes`, each a part of its own.

    NumPy copies on one thread and lets others run meanwhile. What a processor reads of the target before it writes is not counted,
    as in STREAM (McCalpin 1995).
    """
    source = np.ones(max(num_threads, num_bytes // 4), dtype=np.float32)
    target = np.empty_like(source)
    sources, targets = np.array_split(source, num_threads), np.array_split(target, num_threads)
    with ThreadPoolExecutor(num_threads) as pool:

        def copy() -> None:
            list(pool.map(np.copyto, targets, sources))

        copy()  # the system gives pages when they are first written
        return 2 * source.nbytes / median_seconds(copy, limit_seconds=limit_seconds) / 1e9


def float32_gflops(size: int, *, num_threads: int, limit_seconds: float) -> float:
    """1e9 operations a second of NumPy's product of two square float32 matrices."""
    rng = np.random.default_rng(0)
    left, right = (rng.random((size, size), dtype=np.float32) for _ in range(2))
    product = np.empty_like(left)
    with threadpool_limits(limits=num_threads):
        np.matmul(left, right, out=product)
        seconds = median_seconds(lambda: np.matmul(left, right, out=product), limit_seconds=limit_seconds)
    return _gflops(size, seconds)


def bfloat16_gflops(size: int, *, num_threads: int, limit_seconds: float) -> float | None:
    """1e9 operations a second of torch's product of two square bfloat16 matrices; nothing where torch is not installed.

    Of `size` at most: processors without instructions for bfloat16 take a hundred times as long, and are given smaller matrices.
    """
    try:
        import torch
    except ModuleNotFoundError:
        return None

    def product(side: int) -> Callable[[], object]:
        matrix = torch.ones((side, side), dtype=torch.bfloat16)
        return lambda: matrix @ matrix

    with _torch_threads(num_threads):
        product(LEAST_SIDE)()  # the first one chooses its program
        side = min(size, LEAST_SIDE)
        while 2 * side <= size and 8 * 3 * median_seconds(product(side), limit_seconds=0.0, fewest=1) < limit_seconds:
            side *= 2
        return _gflops(side, median_seconds(product(side), limit_seconds=limit_seconds))


def core_share(size: int, *, limit_seconds: float) -> float:
    """The share of one core that a thread gets which only multiplies matrices for so long: near 1 on a machine with nothing else to do."""
    matrix = np.ones((size, size), dtype=np.float32)
    with threadpool_limits(limits=1):
        began, began_cpu = time.perf_counter(), time.thread_time()
        while True:
            _ = matrix @ matrix
            seconds = time.perf_counter() - began
            if seconds >= limit_seconds:
                return float(np.clip((time.thread_time() - began_cpu) / seconds, 1e-3, 1.0))


@contextmanager
def _torch_threads(number: int) -> Iterator[None]:
    """Within the block torch has so many threads; afterwards its own again."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _gflops(size: int, seconds: float) -> float:
    """Of a product of two square matrices: a multiplication and an addition for each of size^3."""
    return 2 * float(size) ** 3 / seconds / 1e9
