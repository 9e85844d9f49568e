"""Where a training runs and how exactly it multiplies: decided here, once."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from leanrec.errors import ConfigError
from leanrec.training.run import Run
from leanrec.training.training_config import Precision, TrainingConfig

FAST_BFLOAT16_ON_CPU = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
"""Names in `torch.cpu`; older and newer versions may lack them."""


def resolve_device(config: TrainingConfig) -> torch.device:
    """The device to train on; raises `ConfigError` when CUDA is asked for and not there."""
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device 'cuda' is not available; this machine offers 'cpu'", hint="set device to auto or cpu")
    if config.device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def resolve_precision(config: TrainingConfig, device: torch.device) -> Precision:
    """The precision of the large products: as asked, or bfloat16 where the device multiplies it faster than float32.

    Raises `ConfigError` for float16 on a CPU, which would be slow and gain nothing.
    """
    if config.precision == "float16" and device.type == "cpu":
        raise ConfigError("precision 'float16' needs a CUDA device; on a CPU it may be auto, float32 or bfloat16", hint="set precision to auto")
    if config.precision != "auto":
        return config.precision
    return "bfloat16" if _multiplies_bfloat16_fast(device) else "float32"


def products_in(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Within it large products are made in that precision; one for a whole batch, so that weights are cast once."""
    return torch.autocast(device.type, dtype=torch.float16 if precision == "float16" else torch.bfloat16, enabled=precision != "float32")


@contextmanager
def circumstances(run: Run, device: torch.device) -> Iterator[None]:
    """Within the block torch has the run's seed and threads; afterwards its own again."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[device.index] if device.type == "cuda" else []):
        torch.manual_seed(run.seed)
        torch.set_num_threads(run.num_threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def _multiplies_bfloat16_fast(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    checks: list[Callable[[], bool]] = [getattr(torch.cpu, name) for name in FAST_BFLOAT16_ON_CPU if hasattr(torch.cpu, name)]
    return any(check() for check in checks)
