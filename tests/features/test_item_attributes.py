import numpy as np
import polars as pl
import pytest

from leanrec.data.catalogue import Catalogue
from leanrec.features.item_attributes import ItemAttributes
from leanrec.features.title_words import title_words

IDS = [f"i{row}" for row in range(6)]


def catalogue(**columns: pl.Series | list[object]) -> Catalogue:
    return Catalogue(frame=pl.DataFrame({"item_id": IDS, **columns}))


GENRES = pl.Series([["war", "drama"], ["war"], ["drama", "drama"], None, ["comedy"], ["comedy", "film", "war", "film", ""]], dtype=pl.List(pl.String))


def test_each_field_shares_one_among_its_values() -> None:
    made = ItemAttributes.of_catalogue(catalogue(genres=GENRES, brand=["acme", "acme", None, "zeta", "zeta", "zeta"]))
    assert made.names == ("genres=comedy", "genres=drama", "genres=film", "genres=war", "brand=acme", "brand=zeta")
    assert made.matrix.dtype == np.float32
    third = float(np.float32(1 / 3))
    assert made.matrix.toarray().tolist() == [
        [0.0, 0.5, 0.0, 0.5, 1.0, 0.0],
        [0.0, 0.0, 0.0, 1.0, 1.0, 0.0],
        [0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        [1.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        [third, 0.0, third, third, 0.0, 1.0],
    ]


def test_ids_in_disguise_numbers_and_what_most_items_have_are_left_out() -> None:
    made = ItemAttributes.of_catalogue(
        catalogue(asin=[f"B{row}" for row in range(6)], year=[1990] * 6, kind=["film", "film", "film", "film", "show", "show"])
    )
    assert made.names == ("kind=show",)


def test_words_of_titles_are_shared_by_some_items_and_not_by_most() -> None:
    titles = ["The Red Shoe", "the red hat &amp; the shoe", "THE blue hat", "the moon", "", None]
    made = ItemAttributes.of_catalogue(catalogue(title=titles))
    assert made.names == ("title=hat", "title=red", "title=shoe")
    assert made.matrix.toarray()[1].tolist() == pytest.approx([1 / 3] * 3)
    assert made.matrix.toarray()[3:].sum() == 0.0
    assert ItemAttributes.of_catalogue(catalogue(title=titles), words=False).names == ()
    assert "title=moon" in ItemAttributes.of_catalogue(catalogue(title=titles), min_count=1).names


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Caf&eacute; 'Größe' snake_case", ["café", "größe", "snake", "case"]),
        ("三体", ["三体"]),
        ("スター・ウォーズ2", ["スタ", "ター", "ー・", "・ウ", "ウォ", "ォー", "ーズ", "2"]),
        ("ｱｲ ＡＢＣ", ["アイ", "abc"]),
        ("한국 영화", ["한국", "영화"]),
        ("!?", []),
    ],
)
def test_titles_are_cut_into_words(title: str, words: list[str]) -> None:
    assert title_words(title) == words


def test_arrays_become_vectors_and_what_is_missing_is_zero() -> None:
    image = pl.Series([[1.0, 2.0], None, [3.0, 4.0], [float("nan"), 1.0], None, [0.5, 0.5]], dtype=pl.Array(pl.Float32, 2))
    sound = pl.Series([[1.0]] * 5 + [None], dtype=pl.Array(pl.Float32, 1))
    made = ItemAttributes.of_catalogue(catalogue(image=image, sound=sound))
    assert made.vectors.dtype == np.float32
    assert made.vectors.tolist() == [[1, 2, 1], [0, 0, 1], [3, 4, 1], [0, 0, 1], [0, 0, 1], [0.5, 0.5, 0]]


def test_ids_alone_give_no_columns() -> None:
    made = ItemAttributes.of_catalogue(Catalogue.of_ids(IDS))
    assert (made.matrix.shape, made.names, made.vectors.shape) == ((6, 0), (), (6, 0))


def test_the_order_of_the_vocabulary_is_always_the_same() -> None:
    given = catalogue(genres=GENRES, title=["b a", "b a", "a c", "c", "d", "d"])
    first, second = ItemAttributes.of_catalogue(given), ItemAttributes.of_catalogue(given)
    assert first.names == second.names
    assert (first.matrix != second.matrix).nnz == 0
    assert np.array_equal(first.matrix.indices, second.matrix.indices)
