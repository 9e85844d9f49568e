"""Draws: random numbers that depend on what they are drawn for, never on when or beside what they are drawn."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leanrec.features.histories import Rows

Uniform = npt.NDArray[np.float64]
"""Numbers from 0 up to, but not including, 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draws:
    """One number for each (seed, epoch, view, purpose, place): the same in any batch, in any order, before and after an interruption."""

    seed: int
    epoch: int
    """Counted from 0; each draws anew."""
    view: str
    """Which of several views the numbers are for."""

    def of(self, purpose: str, places: Rows) -> Uniform:
        """(P,) a number for each place, all of them apart from those of any other purpose."""
        named = hashlib.blake2b(f"{self.seed} {self.epoch} {self.view} {purpose}".encode(), digest_size=8).digest()
        return _mixed(places.astype(np.uint64) + np.uint64(int.from_bytes(named, "little"))) / 2.0**53


def _mixed(counters: npt.NDArray[np.uint64]) -> Uniform:
    """(P,) whole numbers below 2^53 (SplitMix64, Steele et al. 2014), as floats that hold them exactly."""
    mixed = counters * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)).astype(np.float64)
