"""Hardware: what chips can do at most and what an hour of them cost somewhere, read from `hardware.toml` beside this file.

Figures are those of the vendors' documents, which each row names with its date. They bound what is possible; what a training
makes of them is for `Machine`, which was measured, and for estimates to say.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from leanrec.config import Config
from leanrec.errors import ConfigError, did_you_mean

CATALOGUE_FILE = "hardware.toml"

Kind = Literal["cpu", "consumer-gpu", "datacentre-gpu", "tpu"]
PeakPrecision = Literal["float32", "bfloat16", "float16", "int8"]
"""What matrices are multiplied in; sums are kept in float32, for int8 in int32."""

_DATE = r"^\d{4}(-\d{2})?$"


class Device(Config):
    """A chip as its vendor describes it: for CPUs a whole socket, for TPUs one chip."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    """The short name that plans use, such as `a100-80gb`."""
    title: str
    """What people call it."""
    kind: Kind
    """What sort of chip it is."""
    memory_gb: PositiveFloat | None = None
    """Its own memory, in gigabytes; absent for CPUs: main memory is what one buys beside them."""
    bandwidth_gb_s: PositiveFloat
    """Between the chip and its memory, in gigabytes a second."""
    peak_tflops: Mapping[PeakPrecision, PositiveFloat]
    """Precision -> 1e12 operations a second, dense; absent where the chip does not do it, or where no document at hand says how fast."""
    watts: PositiveFloat | None = None
    """What the vendor designs its cooling for; absent where that is not published."""
    cores: int | None = Field(default=None, ge=1)
    """Of a CPU: whole cores, not hyper-threads."""
    link_gb_s: PositiveFloat | None = None
    """To its neighbours (NVLink, Infinity Fabric, ICI, else PCIe), one direction, all links together; absent for CPUs."""
    generic: bool = False
    """Whether it is no chip one can buy but assumptions, for machines whose chip nobody names."""
    data_sheet: str
    """The vendor's document that the figures are from."""
    date: str = Field(pattern=_DATE)
    """Year, or year and month, of the document."""
    note: str = ""
    """How figures were computed, and where documents differ."""

    @model_validator(mode="after")
    def _is_of_its_kind(self) -> Self:
        is_cpu = self.kind == "cpu"
        if is_cpu != (self.cores is not None):
            raise ValueError("a CPU states its cores, and nothing else does")
        if is_cpu != (self.memory_gb is None):
            raise ValueError("a chip with memory of its own states it, and a CPU has none")
        if not self.peak_tflops:
            raise ValueError("peak_tflops states no precision")
        return self

    def describe(self) -> str:
        """One line for people: title, memory, bandwidth, fastest product, power, and where the figures are from."""
        precision, peak = max(self.peak_tflops.items(), key=lambda known: known[1])
        figures = [
            f"{self.memory_gb:g} GB" if self.memory_gb is not None else None,
            f"{self.bandwidth_gb_s:g} GB/s",
            f"{peak:g} {'TOPS' if precision == 'int8' else 'TFLOPS'} in {precision}",
            f"{self.watts:g} W" if self.watts is not None else None,
        ]
        return f"{self.title}: {', '.join(figure for figure in figures if figure)} ({self.data_sheet}, {self.date})"


class Price(Config):
    """What an hour of a device cost somewhere, once: an example, for people to state their own."""

    device: str
    """The name of the device."""
    usd_per_hour: PositiveFloat
    """Of one device; for a CPU of the whole machine with it."""
    where: str
    """Who asked for it, and who says so."""
    date: str = Field(pattern=_DATE)
    """Year, or year and month."""
    note: str = "an example; state your own"
    """That it is no offer."""


class Catalogue(Config):
    """Devices and example prices, checked together."""

    device: tuple[Device, ...]
    """The rows, in the order of the file."""
    price: tuple[Price, ...] = ()
    """One for a device at most."""

    @model_validator(mode="after")
    def _names_are_right(self) -> Self:
        names = [device.name for device in self.device]
        if doubled := _doubled(names):
            raise ValueError(f"device {doubled!r} stands there twice")
        if doubled := _doubled([price.device for price in self.price]):
            raise ValueError(f"device {doubled!r} has two prices")
        if unknown := [price.device for price in self.price if price.device not in names]:
            raise ValueError(f"a price is for {unknown[0]!r}, which is no device here")
        return self


def devices() -> Mapping[str, Device]:
    """Every device by its name, in the order of the file: CPUs, consumer GPUs, GPUs of data centres, TPUs."""
    return MappingProxyType({device.name: device for device in _catalogue().device})


def find_device(name: str) -> Device:
    """The device of that name; raises `ConfigError` with the nearest name when unknown."""
    known = devices()
    if name not in known:
        raise ConfigError(f"device {name!r} is unknown", hint=did_you_mean(name, known))
    return known[name]


def example_price(name: str) -> Price | None:
    """What an hour of the device cost somewhere, once; nothing where no example is kept. Raises `ConfigError` for an unknown device."""
    find_device(name)
    return next((price for price in _catalogue().price if price.device == name), None)


@cache
def _catalogue() -> Catalogue:
    text = files("leanrec.planner").joinpath(CATALOGUE_FILE).read_text(encoding="utf-8")
    return Catalogue.parse(tomllib.loads(text), where=CATALOGUE_FILE)


def _doubled(names: list[str]) -> str | None:
    return next((name for name in names if names.count(name) > 1), None)
