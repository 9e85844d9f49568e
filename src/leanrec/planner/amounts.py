"""Amounts: counts as people write them (`10M`), and counts, bytes and seconds as they read them."""

import math
import re

from leanrec.errors import ConfigError

COUNTS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}

_AMOUNT = re.compile(r"\s*([0-9][0-9_,]*(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|\.[0-9]+)\s*([a-z]*)\s*", re.IGNORECASE)


def count(text: str) -> float:
    """How many; raises `ConfigError` for what is no number, or below zero.

    >>> count("10M"), count("2k"), count("1_500"), count("1e5")
    (10000000.0, 2000.0, 1500.0, 100000.0)
    """
    found, hint = _AMOUNT.fullmatch(text), "write 250000, 250k or 10M"
    if found is None or found[2].lower() not in COUNTS:
        said = "is below zero" if text.strip().startswith("-") else "is no number"
        raise ConfigError(f"{text!r} {said}", hint=hint)
    value = float(found[1].replace(",", "").replace("_", "")) * COUNTS[found[2].lower()]
    if not math.isfinite(value):
        raise ConfigError(f"{text!r} is beyond any number", hint=hint)
    return value


def as_count(value: float) -> str:
    """Three digits and a letter.

    >>> as_count(10_000_000), as_count(12_101), as_count(950), as_count(0.5)
    ('10M', '12.1k', '950', '0.5')
    """
    return _scaled(value, ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")))


def as_bytes(value: float) -> str:
    """Three digits and a unit.

    >>> as_bytes(1_234_000_000), as_bytes(512), as_bytes(999_999)
    ('1.23 GB', '512 B', '1 MB')
    """
    return _scaled(value, ((1e12, " TB"), (1e9, " GB"), (1e6, " MB"), (1e3, " kB")), smallest=" B")


def as_seconds(value: float) -> str:
    """In the unit that leaves few digits.

    >>> as_seconds(0.0123), as_seconds(95), as_seconds(7200), as_seconds(200_000)
    ('12.3 ms', '95 s', '2 h', '2.31 d')
    """
    for unit, name in ((86400.0, " d"), (3600.0, " h"), (120.0, " min"), (1.0, " s")):
        if value >= unit:
            return f"{value / (60.0 if name == ' min' else unit):.3g}{name}"
    return f"{value * 1e3:.3g} ms"


def _scaled(value: float, scales: tuple[tuple[float, str], ...], *, smallest: str = "") -> str:
    digits = float(f"{value:.3g}")  # first, or 999 999 would read as 1e+03 k
    for scale, name in scales:
        if digits >= scale:
            return f"{digits / scale:.3g}{name}"
    return f"{digits:.3g}{smallest}"
