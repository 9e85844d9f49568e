"""Descriptions: rows of a catalogue in plain values, with nothing said where nothing is known."""

import polars as pl

from leanrec.data.catalogue import Catalogue
from leanrec.data.description import ItemDescription


def test_a_catalogue_describes_its_items_in_plain_values() -> None:
    frame = pl.DataFrame(
        {
            "item_id": ["a", "b"],
            "title": ["Lamp", None],
            "price": [9.5, float("nan")],
            "categories": [["light", None, "home"], None],
            "colour": ["red", None],
            "picture": [[1.0, 2.0], [3.0, 4.0]],
        },
        schema_overrides={"picture": pl.Array(pl.Float32, 2)},
    )
    described = Catalogue(frame=frame).descriptions()
    assert described == [
        ItemDescription(item_id="a", title="Lamp", attributes={"price": 9.5, "categories": ["light", "home"], "colour": "red"}),
        ItemDescription(item_id="b", title=None),
    ]


def test_a_catalogue_of_ids_describes_ids() -> None:
    assert Catalogue.of_ids(["a"]).descriptions() == [ItemDescription(item_id="a")]
