"""AttributeVocabulary: the running side puts an item in the same terms as the making side did."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from leanrec.data.catalogue import Catalogue
from leanrec.data.description import ItemDescription
from leanrec.features.attribute_vocabulary import AttributeVocabulary
from leanrec.features.item_attributes import ItemAttributes

WORDS = st.sampled_from(["red", "Blue", "moon lamp", "東京の夜", "a=b", "", " ", "l'oréal &amp; co"])
ITEMS = st.lists(st.tuples(WORDS | st.none(), st.lists(WORDS | st.none(), max_size=4) | st.none(), WORDS | st.none()), min_size=4, max_size=12)


@given(ITEMS)
def test_described_one_by_one_items_have_the_attributes_that_the_whole_catalogue_gave_them(
    items: list[tuple[str | None, list[str | None], str | None]],
) -> None:
    ids = [f"i{row}" for row in range(len(items))]
    columns = {"title": [item[0] for item in items], "genres": [item[1] for item in items], "colour": [item[2] for item in items]}
    frame = pl.DataFrame({"item_id": ids, **columns}, schema_overrides={"title": pl.String, "genres": pl.List(pl.String), "colour": pl.String})
    catalogue = Catalogue(frame=frame)
    known = ItemAttributes.of_catalogue(catalogue)
    vocabulary = AttributeVocabulary.of(known.names, title=catalogue.title_column)
    again = AttributeVocabulary.from_arrays(vocabulary.to_arrays())
    assert np.array_equal(again.matrix(catalogue.descriptions()).toarray(), known.matrix.toarray())


def test_what_was_never_seen_says_nothing() -> None:
    vocabulary = AttributeVocabulary.of(("genre=war", "title=moon"), title="title")
    described = [
        ItemDescription(item_id="x", title="Sun", attributes={"genre": "peace", "year": 1990.0}),
        ItemDescription(item_id="y", title="The Moon"),
    ]
    assert vocabulary.matrix(described).toarray().tolist() == [[0.0, 0.0], [0.0, 1.0]]
