"""The data sets of the benchmarks, read by name from the folder that LEANREC_DATA names."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from leanrec.data.catalogue import Catalogue
from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_SCHEMA, EventLog
from leanrec.data.sources.movielens import MovieLensSource
from leanrec.data.sources.sequences import SequencesSource

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DATA = Path(os.environ.get("LEANREC_DATA", ROOT.parent / "shared" / "data"))
FILES = {
    "amazon14-beauty": "sequences.txt",
    "amazon14-toys": "sequences.txt",
    "amazon14-instruments": "reviews.jsonl",
    "ml-1m": "interactions.tsv",
    "ml-latest-small": "ratings.csv",
    "lastfm-2k": "user_artists.dat",
}


def require_datasets(names: Sequence[str]) -> None:
    """Leave with a plain message when one of them is not there."""
    missing = [name for name in names if not (DATA / name / FILES[name]).is_file()]
    if missing:
        sys.exit(f"No data for {', '.join(missing)} in {DATA}.\nPut the folders there, or say where they are with LEANREC_DATA.")


def read_dataset(name: str) -> Dataset:
    """Events and catalogue of one folder; of MovieLens-1M the order of the file, ties included; of Last.fm, which knows none, one by chance."""
    if name == "ml-1m":
        return _movielens_1m(DATA / name)
    if name == "lastfm-2k":
        return _lastfm(DATA / name)
    folder = DATA / name
    reading = MovieLensSource().read(str(folder)) if name == "ml-latest-small" else SequencesSource().read(str(folder / FILES[name]))
    return Dataset.build(reading.log, catalogue=reading.catalogue)


def _movielens_1m(folder: Path) -> Dataset:
    table = pl.read_csv(folder / FILES["ml-1m"], separator="\t", schema_overrides={"user_id": pl.String, "movie_id": pl.String})
    columns = {"user_id": table["user_id"], "item_id": table["movie_id"], "event": "rate", "timestamp": table["pos"], "value": None}
    frame = pl.select(**{name: pl.lit(value) if not isinstance(value, pl.Series) else value for name, value in columns.items()})
    log = EventLog(frame=frame.select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items()), time_quality="order")
    movies = [line.split("::") for line in (folder / "movies.dat").read_text(encoding="latin-1").splitlines()]
    known = set(log.frame["item_id"].unique().to_list())
    kept = [movie for movie in movies if movie[0] in known]
    titles, genres = [movie[1] for movie in kept], [movie[2].split("|") for movie in kept]
    return Dataset.build(log, catalogue=Catalogue(frame=pl.DataFrame({"item_id": [movie[0] for movie in kept], "title": titles, "genres": genres})))


def _lastfm(folder: Path) -> Dataset:
    """Who listened to which artist, of artists with three listeners and more."""
    table = pl.read_csv(folder / FILES["lastfm-2k"], separator="\t", schema_overrides={"userID": pl.String, "artistID": pl.String})
    table = table.sample(fraction=1.0, shuffle=True, seed=0).filter(pl.len().over("artistID") >= 3)
    columns = {"user_id": table["userID"], "item_id": table["artistID"], "event": pl.repeat("view", len(table), eager=True)}
    frame = pl.DataFrame({**columns, "timestamp": range(len(table)), "value": None})
    return Dataset.build(EventLog(frame=frame.select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items()), time_quality="order"))
