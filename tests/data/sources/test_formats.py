"""Every public format is recognised by its files and read into the same nouns."""

import json
from pathlib import Path

import polars as pl
import pytest

from leanrec.data.sources.opening import open_source, read
from leanrec.errors import DataError


def ids(frame: pl.DataFrame, column: str) -> list[str]:
    return frame[column].cast(pl.String).to_list()


def movielens_100k(folder: Path) -> None:
    (folder / "u.data").write_text("196\t242\t3\t881250949\n186\t302\t5\t891717742\n")
    genres = ["0"] * 19
    genres[5] = genres[16] = "1"
    (folder / "u.item").write_text(
        f"242|Kolya (1996)|24-Jan-1997||http://x|{'|'.join(genres)}\n302|Misérables, Les (1995)|||x|{'|'.join(genres)}\n", encoding="latin-1"
    )
    (folder / "u.user").write_text("196|49|M|writer|55105\n")


def movielens_1m(folder: Path) -> None:
    (folder / "ratings.dat").write_text("1::1193::5::978300760\n2::661::3::978302109\n")
    (folder / "movies.dat").write_text("1193::Cuckoo's Nest (1975)::Drama\n661::Amélie (2001)::Animation|Children's\n", encoding="latin-1")
    (folder / "users.dat").write_text("1::F::1::10::48067\n")


def movielens_latest(folder: Path) -> None:
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,4.0,964982703\n2,3,4.5,964981247\n")
    (folder / "movies.csv").write_text(
        'movieId,title,genres\n1,Toy Story (1995),Comedy|Fantasy\n3,"American President, The (1995)",(no genres listed)\n'
    )
    (folder / "tags.csv").write_text("userId,movieId,tag,timestamp\n2,1,Funny,1445714994\n3,1,funny,1445714996\n3,1,pixar,1445714996\n")


@pytest.mark.parametrize("make", [movielens_100k, movielens_1m, movielens_latest])
def test_movielens_folders_give_ratings_titles_years_and_genres(tmp_path: Path, make: object) -> None:
    make(tmp_path)  # type: ignore[operator]  # one of the functions above
    assert open_source(str(tmp_path)).name == "movielens"
    reading = read(str(tmp_path))
    assert reading.log.time_quality == "exact"
    assert set(ids(reading.log.frame, "event")) == {"rate"}
    assert reading.log.frame["value"].null_count() == 0
    catalogue = reading.catalogue
    assert catalogue is not None
    first = catalogue.frame.row(0, named=True)
    assert "(" not in first["title"]
    assert first["year"] in (1996, 1975, 1995)
    assert catalogue.frame.schema["genres"] == pl.List(pl.String)


def test_movielens_texts_keep_their_accents(tmp_path: Path) -> None:
    movielens_100k(tmp_path)
    catalogue = read(str(tmp_path)).catalogue
    assert catalogue is not None
    assert catalogue.title("302") == "Misérables, Les"
    assert catalogue.values("302", "genres") == ["Comedy", "Thriller"]


def test_movielens_tags_are_counted_in_lower_case(tmp_path: Path) -> None:
    movielens_latest(tmp_path)
    catalogue = read(str(tmp_path)).catalogue
    assert catalogue is not None
    assert catalogue.values("1", "tags") == ["funny", "pixar"]
    assert catalogue.values("3", "genres") == []


def test_movielens_interactions_without_clock_keep_order_only(tmp_path: Path) -> None:
    movielens_1m(tmp_path)
    (tmp_path / "ratings.dat").unlink()
    (tmp_path / "interactions.tsv").write_text(
        "user_id\tmovie_id\tpos\trating\ttimestamp\tts_known\n1\t1193\t0\t\t978300275\t0\n1\t661\t1\t4\t978300275\t1\n"
    )
    log = read(str(tmp_path)).log
    assert log.time_quality == "order"
    assert log.frame["timestamp"].to_list() == [0, 1]
    assert log.frame["value"].to_list() == [None, 4.0]


def recbole(folder: Path) -> None:
    (folder / "x.inter").write_text("user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\ta\t3\t881250949\n2\tb\t4\t881250950\n")
    (folder / "x.item").write_text("item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\na\tToy Story\t1995\tComedy Drama\n")
    (folder / "x.user").write_text("user_id:token\tage:token\tjob:token\n1\t24\twriter\n")
    (folder / "x.kg").write_text("head_id:token\trelation_id:token\ttail_id:token\nm.1\tfilm.director\tm.9\nm.9\tknows\tm.8\n")
    (folder / "x.link").write_text("item_id:token\tentity_id:token\na\tm.1\n")


def test_recbole_atomic_files_give_all_nouns(tmp_path: Path) -> None:
    recbole(tmp_path)
    assert open_source(str(tmp_path)).name == "recbole"
    reading = read(str(tmp_path))
    assert reading.catalogue is not None
    assert reading.relations is not None
    assert reading.user_attributes is not None
    assert reading.catalogue.title("a") == "Toy Story"
    assert reading.catalogue.values("a", "class") == ["Comedy", "Drama"]
    assert reading.user_attributes.row(0) == ("1", 24, "writer")
    assert reading.relations.frame.rows() == [("a", "item", "film.director", "m.9", "entity"), ("m.9", "entity", "knows", "m.8", "entity")]


def test_a_recbole_header_without_types_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.inter").write_text("user_id\titem_id:token\n1\ta\n")
    with pytest.raises(DataError, match="'user_id' is not of the form name:type"):
        read(str(tmp_path))


def test_amazon_reviews_of_every_year_are_ratings_with_metadata(tmp_path: Path) -> None:
    old, new = tmp_path / "2014", tmp_path / "2023"
    old.mkdir()
    new.mkdir()
    review = {"reviewerID": "A1", "asin": "B1", "overall": 5.0, "unixReviewTime": 1393545600, "reviewText": "good", "helpful": [0, 1]}
    (old / "reviews_Toys.json").write_text("\n".join(json.dumps({**review, "asin": f"B{n}"}) for n in range(3)))
    (old / "meta_Toys.json").write_text("{'asin': 'B1', 'title': \"Kid's toy\", 'categories': [['Toys', 'Games'], ['Toys']], 'price': 4.5}\n")
    (new / "Toys.jsonl").write_text(json.dumps({"user_id": "A1", "parent_asin": "B1", "rating": 4.0, "timestamp": 1588687728923}) + "\n")
    (new / "meta_Toys.jsonl").write_text(
        json.dumps({"parent_asin": "B1", "title": "Toy", "store": "Acme", "categories": [], "price": "$4.50"}) + "\n"
    )
    for folder, second in ((old, 1393545600), (new, 1588687728)):
        reading = read(str(folder))
        assert open_source(str(folder)).name == "amazon"
        assert reading.log.frame["timestamp"][0] // 1_000_000 == second
        assert reading.catalogue is not None
        assert reading.catalogue.values("B1", "price") == ["4.5"]
    assert read(str(old / "reviews_Toys.json")).catalogue is not None
    old_catalogue = read(str(old)).catalogue
    assert old_catalogue is not None
    assert old_catalogue.title("B1") == "Kid's toy"
    assert old_catalogue.values("B1", "categories") == ["Toys", "Games"]


def test_sequences_are_views_in_order_with_their_catalogue(tmp_path: Path) -> None:
    (tmp_path / "sequences.txt").write_text("u1 5 3 9\nu2\nu3 3\n")
    (tmp_path / "items.jsonl").write_text('{"item_id": 3, "title": "Soap", "categories": [["Beauty", "Bath"], ["Beauty"]]}\n')
    reading = read(str(tmp_path))
    assert reading.log.time_quality == "order"
    assert ids(reading.log.frame, "item_id") == ["5", "3", "9", "3"]
    assert reading.log.frame["timestamp"].is_sorted()
    assert reading.catalogue is not None
    assert reading.catalogue.values("3", "categories") == ["Beauty", "Bath"]
    assert reading.quarantine.frame.select("line", "reason").rows() == [(2, "a user without items")]


def test_a_broken_catalogue_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "sequences.txt").write_text("u1 5 3 9\n")
    (tmp_path / "items.jsonl").write_text('{"item_id": 3}\n{"item_id":\n')
    with pytest.raises(DataError, match=r"items.jsonl, line 2: not a JSON object"):
        read(str(tmp_path))
