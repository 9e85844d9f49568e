"""Item texts: what a row says is put into words in one order, for whole catalogues and for items that come later."""

import polars as pl
import pytest

from leanrec.data.catalogue import Catalogue
from leanrec.data.description import DescribedValue, ItemDescription
from leanrec.data.plain_text import MAX_CHARACTERS
from leanrec.errors import ConfigError, DataError
from leanrec.features.item_text import ItemText, ItemTextConfig


def item(title: str | None = None, **attributes: DescribedValue) -> ItemDescription:
    return ItemDescription(item_id="1", title=title, attributes=attributes)


POLISH = item("Red Polish", about="Dries in a minute, and stays.", brand="OPI", kinds=["Beauty", "Nails"], price=4.5, code="B004756YJA")
DRILL = item("Drill!", about="Turns both ways, with two gears.", brand="Acme", kinds=["Tools"], price=80.0, code="B000000001")


def test_title_comes_first_then_categories_then_texts_from_short_to_long() -> None:
    text = ItemText.of_items([POLISH, DRILL])
    assert text.config.fields == ("title", "kinds", "about")
    assert text.texts([POLISH, DRILL]) == [
        "Red Polish. Beauty, Nails. Dries in a minute, and stays.",
        "Drill! Tools. Turns both ways, with two gears.",
    ]


def test_a_brand_that_items_share_is_read_and_codes_and_addresses_are_not() -> None:
    items = [item(f"Item {n}", brand="OPI", code=f"B{n:09}", picture=f"https://shop.example/{n}.jpg") for n in range(20)]
    assert ItemText.of_items(items).text(items[3]) == "Item 3. OPI."


def test_the_title_can_be_left_out() -> None:
    assert ItemText.of_items([POLISH, DRILL], ItemTextConfig(with_title=False)).text(DRILL) == "Tools. Turns both ways, with two gears."


def test_fields_are_read_in_the_order_they_are_named_figures_included() -> None:
    assert ItemText.of_items([POLISH], ItemTextConfig(fields=("brand", "price", "title"))).text(POLISH) == "OPI. 4.5. Red Polish."


def test_a_template_says_it_in_a_sentence_and_stays_silent_about_nothing() -> None:
    text = ItemText.of_items([POLISH, item()], ItemTextConfig(template="{title} by {brand}: {kinds}"))
    assert text.texts([POLISH, item()]) == ["Red Polish by OPI: Beauty, Nails", ""]


def test_braces_in_a_title_are_text() -> None:
    assert ItemText.of_items([item("{brand} {0}", brand="x")], ItemTextConfig(template="{title}")).text(item("{brand} {0}")) == "{brand} {0}"


def test_an_item_that_comes_later_reads_like_the_rest_and_may_lack_fields() -> None:
    decided = ItemText.of_items([POLISH, DRILL]).config
    assert ItemText(config=ItemTextConfig.parse(decided.model_dump())).text(item("Saw", brand="Acme", about="Cuts")) == "Saw. Cuts."


def test_what_pages_are_written_in_becomes_what_people_read() -> None:
    told = item("L&#39;Or&eacute;al\x00 <b>Rouge</b>\n\n", about="אדום 💄 👩\u200d🔬 口紅 \ud800 <br/>rot")
    assert ItemText.of_items([told]).text(told) == "L'Oréal Rouge. אדום 💄 👩\u200d🔬 口紅 \ufffd rot."


def test_ten_megabytes_are_cut() -> None:
    huge = item("word " * 2_000_000)
    assert len(ItemText.of_items([huge]).text(huge)) <= 4000
    assert len(ItemText.of_items([huge], ItemTextConfig(max_characters=10_000_000)).text(huge)) <= MAX_CHARACTERS


def test_a_catalogue_of_ids_alone_says_nothing() -> None:
    items = Catalogue.of_ids(["a", "b"]).descriptions()
    assert ItemText.of_items(items).texts(items) == ["", ""]


def test_a_catalogue_and_its_descriptions_read_alike() -> None:
    frame = pl.DataFrame({"item_id": ["a", "b"], "title": ["One", None], "genres": [["Comedy", "War"], []], "year": [1999, None]})
    items = Catalogue(frame=frame).descriptions()
    assert ItemText.of_items(items).texts(items) == ["One. Comedy, War.", ""]


@pytest.mark.parametrize("settings", [{"fields": ("colour",)}, {"template": "{title} in {colour}"}])
def test_a_column_that_no_item_has_is_named(settings: dict[str, str]) -> None:
    with pytest.raises(DataError, match=r"no item has a column 'colour'\n.*known: about, brand"):
        ItemText.of_items([POLISH], ItemTextConfig.parse(settings))


@pytest.mark.parametrize("template", ["{title", "no column", "{}", "{title!r}", "{title:>9}", "{title.upper}", "{title[0]}"])
def test_a_template_that_is_no_sentence_with_columns_is_refused(template: str) -> None:
    with pytest.raises(ConfigError, match="braces"):
        ItemTextConfig(template=template)


def test_fields_beside_a_template_are_refused() -> None:
    with pytest.raises(ConfigError, match="leave fields out"):
        ItemTextConfig(template="{title}", fields=("title",))
