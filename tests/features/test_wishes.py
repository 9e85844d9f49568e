"""What people ask for in their own words: bounds, denials and values, in several languages; and texts that wish harm."""

import pytest

from leanrec.data.filters import Filter
from leanrec.data.snapshot import Attribute
from leanrec.features.wishes import Understood, WishReader

READER = WishReader(
    {
        "genre": Attribute(
            kind="several",
            values=[["Comedy"], ["Horror", "Thriller"], ["Jazz", "Film-Noir"], ["喜剧"], ["恐怖", "动作"], ["Science Fiction"], ["Terror"]],
        ),
        "colour": Attribute(kind="text", values=["red", "Blue", "rot", "rouge", None, "grün", "rojo"]),
        "price": Attribute(kind="number", values=[5.0, 10.0, 20.0, 30.0, 40.0, 60.0, 90.0]),
        "year": Attribute(kind="number", values=[1950, 1980, 1991, 1999, 2005, 2010, 2020]),
        "pages": Attribute(kind="number", values=[100, 200, 300, 400, 500, 600, 700]),
        "brand": Attribute(kind="text", values=["Under Armour", "The North Face", "No", "Élan", "A|B", None, "42"]),
        "about": Attribute(kind="text", values=["A long story about a red fox that goes to town and comes home late in the night"] * 7),
    }
)


def said(understood: Understood) -> set[str]:
    return set(understood.filters)


def wished(understood: Understood) -> set[str]:
    return {f"{wish.attribute}={wish.value}" for wish in understood.wishes}


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("something under 30 euro", {"price<=30"}),
        ("less than €30", {"price<=30"}),
        ("at most 1,200.50 dollars", {"price<=1200.5"}),
        ("unter 30 Euro", {"price<=30"}),
        ("höchstens 25,50 €", {"price<=25.5"}),
        ("moins de 30 euros", {"price<=30"}),
        ("menos de 30", {"price<=30"}),
        ("30元以下", {"price<=30"}),
        ("3000円以内", {"price<=3000"}),
        ("不超过３０块", {"price<=30"}),
        ("30 euro or less", {"price<=30"}),
        ("over 20", {"price>=20"}),
        ("price above 20", {"price>=20"}),
        ("between 20 and 30", {"price>=20", "price<=30"}),
        ("20-30 €", {"price>=20", "price<=30"}),
        ("20 bis 30 Euro", {"price>=20", "price<=30"}),
        ("entre 20 y 30 euros", {"price>=20", "price<=30"}),
        ("entre 20 et 30 euros", {"price>=20", "price<=30"}),
        ("20到30元", {"price>=20", "price<=30"}),
        ("not over 30 euro", {"price<=30"}),
        ("under 300 pages", {"pages<=300"}),
        ("pages under 300", {"pages<=300"}),
    ],
)
def test_bounds_are_read_in_several_languages_and_currencies(text: str, filters: set[str]) -> None:
    assert said(READER.read(text)) == filters


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("from the 90s", {"year>=1990", "year<=1999"}),
        ("1980s", {"year>=1980", "year<=1989"}),
        ("aus den 90er Jahren", {"year>=1990", "year<=1999"}),
        ("années 90", {"year>=1990", "year<=1999"}),
        ("90年代", {"year>=1990", "year<=1999"}),
        ("the 20s", {"year>=2020", "year<=2029"}),
        ("before 2000", {"year<2000"}),
        ("vor 2000", {"year<2000"}),
        ("2000年以前", {"year<=2000"}),
        ("since 2010", {"year>=2010"}),
        ("after the 90s", {"year>1999"}),
        ("in 1999", {"year=1999"}),
        ("between 1990 and 2000", {"year>=1990", "year<=2000"}),
        ("not before 2000", {"year>=2000"}),
    ],
)
def test_years_and_decades_are_read(text: str, filters: set[str]) -> None:
    assert said(READER.read(text)) == filters


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("no horror", {"genre!=Horror"}),
        ("ohne Horror", {"genre!=Horror"}),
        ("sans horror", {"genre!=Horror"}),
        ("keine Thriller", {"genre!=Thriller"}),
        ("sin terror", {"genre!=Terror"}),
        ("不要恐怖", {"genre!=恐怖"}),
        ("恐怖以外", {"genre!=恐怖"}),
        ("not red", {"colour!=red"}),
        ("no horror or thriller", {"genre!=Horror", "genre!=Thriller"}),
        ("no horror, comedy", {"genre!=Horror"}),
        ("nothing with film noir and under 30 euro", {"genre!=Film-Noir", "price<=30"}),
        ("only comedy", {"genre=Comedy"}),
        ("comedy only", {"genre=Comedy"}),
        ("nur rot", {"colour=rot"}),
    ],
)
def test_what_is_denied_or_demanded_is_a_condition(text: str, filters: set[str]) -> None:
    assert said(READER.read(text)) == filters


def test_cheap_is_the_cheapest_third_of_the_catalogue() -> None:
    assert said(READER.read("cheap")) == said(READER.read("günstig")) == said(READER.read("便宜")) == {"price<=20"}
    assert said(READER.read("expensive")) == {"price>=40"}
    assert said(READER.read("not expensive")) == {"price<=20"}


@pytest.mark.parametrize(
    ("text", "wishes"),
    [
        ("COMEDIES please", {"genre=Comedy"}),
        ("film noir", {"genre=Film-Noir"}),
        ("film-noir", {"genre=Film-Noir"}),
        ("science fiction", {"genre=Science Fiction"}),
        ("elan", {"brand=Élan"}),
        ("grun", {"colour=grün"}),
        ("有趣的喜剧片", {"genre=喜剧"}),
        ("under armour", {"brand=Under Armour"}),
        ("redder", set()),
        ("A B", set()),
        ("42", set()),
    ],
)
def test_values_are_found_by_name_whatever_case_accent_or_plural(text: str, wishes: set[str]) -> None:
    found = READER.read(text)
    assert (wished(found), said(found)) == (wishes, set())


def test_every_word_is_in_a_filter_in_a_wish_or_left() -> None:
    found = READER.read("Something quiet and red for a rainy evening, under 30 euro, but no horror!")
    assert found.filters == ("price<=30", "genre!=Horror")
    assert wished(found) == {"colour=red"}
    assert found.left == "Something quiet and for a rainy evening"
    assert found.readable == "Something quiet and red for a rainy evening"
    assert [wish.words for wish in found.wishes] == ["red"]


def test_words_that_wish_for_nothing_leave_nothing() -> None:
    for text in ("", "   ", "please show me something", "!!!", "\u200b\u202e", "under 30 euro"):
        assert READER.read(text).left == READER.read(text).readable == ""


def test_what_was_not_meant_is_taken_back() -> None:
    found = READER.read("red, under 30 euro").without(["price<=30", "colour=red"])
    assert (found.filters, found.wishes) == ((), ())


def test_conditions_are_such_that_filters_read() -> None:
    found = READER.read("no film noir, 20-30 €, from the 90s, only comedy, not under armour")
    assert [Filter.parse(condition).column for condition in found.filters] == ["genre", "price", "price", "year", "year", "genre", "brand"]


def test_values_of_new_items_are_learned_for_known_columns_only() -> None:
    reader = WishReader({"genre": Attribute(kind="several", values=[["Comedy"]])})
    assert wished(reader.read("a western on a moon")) == set()
    reader.learn({"genre": ["Western"], "place": "Moon"})
    assert wished(reader.read("a western on a moon")) == {"genre=Western"}


@pytest.mark.parametrize(
    "text",
    [
        "under " * 400, "between 20 and " * 150, "no " * 700, "1," * 1000, "9" * 2000, "'" * 2000, "\u0301" * 2000, "🙂" * 2000,
        "a" * 2000, "(((((" * 400, "以下" * 1000, "=|!=<>" * 300, "\ud800\udfff" * 500, "\x00\x1b[31m" * 300, "1.000.000.000" * 150, "٣٠ يورو " * 200,
    ],
)  # fmt: skip
def test_texts_that_wish_harm_are_read_and_bounded(text: str) -> None:
    found = READER.read(text)
    assert len(found.text) <= len(text)
    assert len(found.filters) <= 20 and len(found.wishes) <= 30
    found.text.encode()
    assert all(Filter.parse(condition) for condition in found.filters)


def test_control_characters_and_direction_marks_are_left_out_and_emoji_stay() -> None:
    found = READER.read("quiet\x00jazz\u202e \u2066hidden\u2069 👩\u200d🚀 مساء هادئ")
    assert found.text == "quiet jazz hidden 👩\u200d🚀 مساء هادئ"


def test_a_reader_of_no_attributes_leaves_the_text_as_it_is() -> None:
    found = WishReader({}).read("cheap comedy under 30 euro from the 90s")
    assert (found.filters, found.wishes, found.left) == ((), (), "cheap comedy under 30 euro from the 90s")
