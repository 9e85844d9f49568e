"""MovieLensSource: folders as GroupLens publishes them: 100K (u.data), 1M and 10M (ratings.dat), latest (ratings.csv)."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl

from leanrec.data.catalogue import Catalogue
from leanrec.data.sources.columns import ColumnMapping
from leanrec.data.sources.delimited import DelimitedTable
from leanrec.data.sources.files import DataFile, local_folder
from leanrec.data.sources.named_tables import collect_events, delimited_table, whole_frame
from leanrec.data.sources.protocol import Reading
from leanrec.data.sources.raw_table import RawTable
from leanrec.data.sources.typed_events import EventCollector
from leanrec.errors import DataError

GENRES_100K = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy"),
    *("Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
_EVENT_COLUMNS = ("user_id", "item_id", "rating", "timestamp")
_RATED = ColumnMapping(user="user_id", item="item_id", value="rating", timestamp="timestamp", kind="rate")
_LATEST = ColumnMapping(user="userId", item="movieId", value="rating", timestamp="timestamp", kind="rate")
_ORDERED = ColumnMapping(user="user_id", item="movie_id", value="rating", timestamp="pos", kind="rate", time="order")


@dataclass(frozen=True, kw_only=True)
class MovieLensSource:
    """Reads a MovieLens folder: ratings with titles, years and genres, users' age and job, and people's tags."""

    name: ClassVar[str] = "movielens"

    @classmethod
    def recognises(cls, url: str) -> bool:
        """Whether the folder holds the files of one of the releases."""
        folder = local_folder(url)
        return folder is not None and _release(folder) is not None

    def read(self, url: str) -> Reading:
        """Ratings as `rate` events, movies as the catalogue, users as attributes."""
        folder = local_folder(url)
        release = _release(folder) if folder is not None else None
        if folder is None or release is None:
            raise DataError(
                f"{url} is no MovieLens folder", hint="it holds u.data and u.item, ratings.dat and movies.dat, or ratings.csv and movies.csv"
            )
        collector = EventCollector()
        if release == "100k":
            collect_events(delimited_table(_file(folder, "u.data"), _EVENT_COLUMNS, delimiter="\t"), _RATED, collector)
            catalogue, users = _movies_100k(folder), _users(folder / "u.user", "|", ("age", "gender", "occupation", "zip_code"))
        elif release == "latest":
            collect_events(DelimitedTable.open(_file(folder, "ratings.csv"), delimiter=","), _LATEST, collector)
            catalogue, users = _movies_latest(folder), None
        else:
            if release == "1m":
                collect_events(delimited_table(_file(folder, "ratings.dat"), _EVENT_COLUMNS, delimiter="::"), _RATED, collector)
            else:
                collect_events(DelimitedTable.open(_file(folder, "interactions.tsv"), delimiter="\t"), _ORDERED, collector)
            catalogue, users = _movies_1m(folder), _users(folder / "users.dat", "::", ("gender", "age", "occupation", "zip_code"))
        return Reading(log=collector.log(), catalogue=catalogue, user_attributes=users, quarantine=collector.quarantine())


def _release(folder: Path) -> str | None:
    for release, names in {"100k": ("u.data", "u.item"), "1m": ("ratings.dat", "movies.dat"), "latest": ("ratings.csv", "movies.csv")}.items():
        if all((folder / name).is_file() for name in names):
            return release
    return "ordered" if (folder / "interactions.tsv").is_file() and (folder / "movies.dat").is_file() else None


def _file(folder: Path, name: str) -> DataFile:
    return DataFile(url=str(folder / name), name=str(folder / name))


def _movies_100k(folder: Path) -> Catalogue:
    columns = ("item_id", "title", "release_date", "video_date", "imdb_url", *GENRES_100K)
    frame = whole_frame(delimited_table(_file(folder, "u.item"), columns, delimiter="|", encoding="latin-1"))
    genres = pl.concat_list([pl.when(pl.col(genre) == "1").then(pl.lit(genre)) for genre in GENRES_100K]).list.drop_nulls()
    return _catalogue(frame.select("item_id", "title", genres.alias("genres")))


def _movies_1m(folder: Path) -> Catalogue:
    frame = whole_frame(delimited_table(_file(folder, "movies.dat"), ("item_id", "title", "genres"), delimiter="::", encoding="latin-1"))
    return _catalogue(frame.with_columns(pl.col("genres").str.split("|")))


def _movies_latest(folder: Path) -> Catalogue:
    table = DelimitedTable.open(_file(folder, "movies.csv"), delimiter=",")
    frame = whole_frame(table).select(
        pl.col("movieId").alias("item_id"), "title", pl.col("genres").replace("(no genres listed)", None).str.split("|")
    )
    return _catalogue(frame.join(_tags(folder), on="item_id", how="left", maintain_order="left"))


def _tags(folder: Path) -> pl.DataFrame:
    """The distinct tags that people gave each movie, in lower case, the most frequent first."""
    path = folder / "tags.csv"
    if not path.is_file():
        return pl.DataFrame(schema={"item_id": pl.String, "tags": pl.List(pl.String)})
    table: RawTable = DelimitedTable.open(_file(folder, "tags.csv"), delimiter=",")
    tags = whole_frame(table).select(pl.col("movieId").alias("item_id"), pl.col("tag").str.strip_chars().str.to_lowercase())
    counted = tags.group_by("item_id", "tag", maintain_order=True).len().sort("len", descending=True, maintain_order=True)
    return counted.group_by("item_id", maintain_order=True).agg(pl.col("tag").alias("tags"))


def _catalogue(frame: pl.DataFrame) -> Catalogue:
    """Titles without the year, which gets a column of its own."""
    title = pl.col("title").str.strip_chars()
    frame = frame.filter(pl.col("item_id").is_not_null()).unique("item_id", keep="first", maintain_order=True)
    year = title.str.extract(r"\((\d{4})\)\s*$").cast(pl.Int64)
    return Catalogue(frame=frame.with_columns(title.str.replace(r"\s*\(\d{4}\)\s*$", "").alias("title"), year.alias("year")))


def _users(path: Path, delimiter: str, attributes: tuple[str, ...]) -> pl.DataFrame | None:
    if not path.is_file():
        return None
    file = DataFile(url=str(path), name=str(path))
    frame = whole_frame(delimited_table(file, ("user_id", *attributes), delimiter=delimiter, encoding="latin-1"))
    return frame.with_columns(pl.col("age").cast(pl.Int64, strict=False))
