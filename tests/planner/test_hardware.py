"""The catalogue of hardware: complete rows, figures that agree with how they were computed, and refusals in words."""

import re
from typing import Any

import pytest

from leanrec.errors import ConfigError
from leanrec.planner.hardware import Catalogue, Device, devices, example_price, find_device

GPU: dict[str, Any] = {
    "name": "a-gpu",
    "title": "A GPU",
    "kind": "datacentre-gpu",
    "memory_gb": 80,
    "bandwidth_gb_s": 2000,
    "peak_tflops": {"float32": 20, "bfloat16": 300},
    "data_sheet": "a data sheet",
    "date": "2021-06",
}


def test_every_device_is_found_by_its_name() -> None:
    assert [find_device(name).name for name in devices()] == list(devices())
    assert find_device("a100-80gb").memory_gb == 80
    assert {device.kind for device in devices().values()} == {"cpu", "consumer-gpu", "datacentre-gpu", "tpu"}


def test_the_catalogue_is_read_once_and_cannot_be_changed() -> None:
    assert devices()["t4"] is devices()["t4"]
    with pytest.raises(TypeError):
        devices()["t4"] = find_device("l4")  # type: ignore[index]  # that it is refused is the claim


def test_an_unknown_device_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"device 'a100-80g' is unknown\ndid you mean 'a100-80gb'"):
        find_device("a100-80g")
    with pytest.raises(ConfigError, match="unknown"):
        example_price("abacus")


def test_every_row_names_its_document_and_only_generic_ones_have_none() -> None:
    for device in devices().values():
        assert device.data_sheet and device.date
        assert device.generic == device.data_sheet.startswith("none") == device.title.startswith("Generic")
    assert [name for name, device in devices().items() if device.generic] == ["cloud-2-cores", "cloud-8-cores"]


@pytest.mark.parametrize(
    "device", [device for device in devices().values() if device.kind == "cpu" and not device.generic], ids=lambda device: device.name
)
def test_the_peak_of_a_cpu_is_what_its_note_computes(device: Device) -> None:
    terms = re.findall(r"(\d+) x ([\d.]+) GHz x (\d+)", device.note)
    assert device.peak_tflops["float32"] == pytest.approx(sum(int(cores) * float(ghz) * int(each) for cores, ghz, each in terms) / 1e3)
    assert device.cores == sum(int(cores) for cores, _, _ in terms)


@pytest.mark.parametrize("name", ["rtx-3060-12gb", "rtx-4070"])
def test_the_peaks_of_a_gpu_are_what_its_note_computes(name: str) -> None:
    device = find_device(name)
    ((units, ghz, each, each_int8),) = re.findall(r"(\d+) SM x ([\d.]+) GHz x (\d+) \(int8: (\d+)\)", device.note)
    for precision, operations in (("bfloat16", each), ("float16", each), ("int8", each_int8)):
        assert device.peak_tflops[precision] == pytest.approx(int(units) * float(ghz) * int(operations) / 1e3, rel=0.01)  # type: ignore[index]  # of a Literal


def test_half_the_bits_are_never_slower() -> None:
    for device in devices().values():
        peaks = device.peak_tflops
        in_order = [peaks[name] for name in ("float32", "bfloat16", "int8") if name in peaks]
        assert in_order == sorted(in_order), device.name


def test_example_prices_are_dated_say_where_and_that_they_are_examples() -> None:
    price = example_price("h100-sxm")
    assert price is not None
    assert price.usd_per_hour > 0 and price.where and price.date
    assert price.note == "an example; state your own"
    assert example_price("v100-32gb") is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"peak_tflops": {"float8": 1}}, "float8"),
        ({"peak_tflops": {"float32": 0}}, r"peak_tflops.float32 = 0 is not allowed"),
        ({"peak_tflops": {}}, "states no precision"),
        ({"bandwidth_gb_s": -1}, r"bandwidth_gb_s = -1 is not allowed"),
        ({"memory_gb": None}, "a chip with memory of its own states it"),
        ({"cores": 8}, "a CPU states its cores"),
        ({"kind": "cpu", "cores": 8}, "a CPU has none"),
        ({"kind": "fpga"}, "kind = 'fpga' is not allowed"),
        ({"name": "A GPU"}, "name = 'A GPU' is not allowed"),
        ({"date": "spring"}, "date = 'spring' is not allowed"),
        ({"wats": 300}, r"unknown key 'wats'\ndid you mean 'watts'"),
    ],
)
def test_a_row_that_cannot_be_right_is_refused_by_its_key(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Device.parse({**GPU, **changed}, where="hardware.toml")


def test_names_stand_once_and_prices_are_for_devices_that_are_there() -> None:
    price = {"device": "a-gpu", "usd_per_hour": 1, "where": "a shop", "date": "2026"}
    assert len(Catalogue.parse({"device": [GPU], "price": [price]}).price) == 1
    with pytest.raises(ConfigError, match="device 'a-gpu' stands there twice"):
        Catalogue.parse({"device": [GPU, GPU]})
    with pytest.raises(ConfigError, match="'a-gpu' has two prices"):
        Catalogue.parse({"device": [GPU], "price": [price, price]})
    with pytest.raises(ConfigError, match="a price is for 'b-gpu', which is no device here"):
        Catalogue.parse({"device": [GPU], "price": [{**price, "device": "b-gpu"}]})


def test_a_device_is_described_with_its_figures_and_where_they_are_from() -> None:
    told = find_device("a100-80gb").describe()
    assert "80 GB, 2039 GB/s, 624 TOPS in int8, 400 W (" in told
    assert find_device("a100-80gb").data_sheet in told
    assert "GB, " not in find_device("cloud-2-cores").describe()
