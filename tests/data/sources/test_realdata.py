"""Public data sets are read with exactly the counts that their owners and papers state."""

import os
from pathlib import Path

import pytest

from leanrec.data.clean import clean
from leanrec.data.sources.opening import read

FOLDER = Path(os.environ.get("LEANREC_DATA", Path(__file__).parents[4] / "shared" / "data"))
COUNTS = {
    "amazon14-beauty": ("order", 22363, 12101, 198502),
    "amazon14-toys": ("order", 19412, 11924, 167597),
    "ml-1m": ("order", 6040, 3706, 1000209),
    "ml-latest-small": ("exact", 610, 9724, 100836),
    "amazon14-instruments": ("exact", 1429, 900, 10261),
    "lastfm-2k/user_artists.dat": ("none", 1892, 17632, 92834),
}

pytestmark = pytest.mark.realdata


@pytest.mark.parametrize("name", COUNTS)
def test_counts_agree_and_cleaning_takes_nothing(name: str) -> None:
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{name} is not in the data folder (LEANREC_DATA)")
    cleaned = clean(read(str(path)))
    assert (cleaned.log.time_quality, cleaned.log.num_users, cleaned.log.num_items, len(cleaned.log)) == COUNTS[name]
    assert len(cleaned.quarantine) == 0
    assert dict(cleaned.bots) == {}


def test_titles_stand_for_every_item_of_the_benchmarks() -> None:
    for name in ("amazon14-beauty", "amazon14-toys", "ml-1m"):
        path = FOLDER / name
        if not path.exists():
            pytest.skip(f"{name} is not in the data folder (LEANREC_DATA)")
        reading = read(str(path))
        assert reading.catalogue is not None
        missing = set(reading.log.frame["item_id"].unique().cast(str)) - set(reading.catalogue.frame["item_id"])
        assert not missing


def test_several_kinds_of_events_are_told_by_their_files() -> None:
    path = FOLDER / "retailrocket"
    if not path.exists():
        pytest.skip("retailrocket is not in the data folder (LEANREC_DATA)")
    kinds = [read(str(path / f"train_{kind}.tsv")).log.frame["event"].unique().to_list() for kind in ("view", "cart", "buy")]
    assert kinds == [["view"], ["cart"], ["buy"]]
