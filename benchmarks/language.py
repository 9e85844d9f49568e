"""Language models: what reading is worth and what it costs; `make bench-language` writes `language.json`."""

import argparse
from collections.abc import Callable, Mapping, Sequence

import blurbs
import distillation
import language_cost
import language_pretraining
import language_pruning
import language_ranking
import language_ratings
from baselines import calibration_rows
from datasets import RESULTS, require_datasets
from rows import BenchmarkRow, write_rows

PARTS: Mapping[str, tuple[Callable[[], None], Callable[[], Sequence[BenchmarkRow]]]] = {
    "pretraining": (language_pretraining.fill, language_pretraining.rows),
    "ranking": (language_ranking.fill, language_ranking.rows),
    "ratings": (language_ratings.fill, language_ratings.rows),
    "pruning": (language_pruning.fill, language_pruning.rows),
    "cost": (language_cost.fill, language_cost.rows),
    "distillation": (distillation.fill, distillation.rows),
    "blurbs": (lambda: None, blurbs.rows),
}
"""Each fills what its cache lacks, and makes rows of it."""


def main() -> None:
    """Measure what is not kept yet, then write all rows; or a part of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranking", nargs=2, type=int, metavar=("CASE", "SEED"), help="tune one ranker, by its number, and keep what it says")
    parser.add_argument("--ratings", nargs=2, type=int, metavar=("WORLD", "SEED"), help="tune one rating head, by its number, and keep what it says")
    parser.add_argument("--only", choices=PARTS, help="fill one part; writes no rows")
    parser.add_argument("--publish", action="store_true", help="fill nothing; write the rows of what is measured")
    arguments = parser.parse_args()
    if arguments.ranking is not None:
        number, seed = arguments.ranking
        language_ranking.measure(language_ranking.CASES[number], seed)
        return
    if arguments.ratings is not None:
        number, seed = arguments.ratings
        language_ratings.measure(list(language_ratings.WORLDS)[number], seed)
        return
    if arguments.publish:
        publish()
        return
    require_datasets([language_ranking.DATASET])
    for name, (fill, _) in PARTS.items():
        if arguments.only in (None, name):
            fill()
    if arguments.only is None:
        publish()


def publish() -> None:
    """Write the rows of all parts that are measured; name those that are not."""
    found = list(calibration_rows())
    for name, (_, rows) in PARTS.items():
        try:
            found += rows()
        except FileNotFoundError as error:
            print(f"{name} is left out, {error.filename} is not measured yet: run --only {name}", flush=True)
    write_rows("language", found, RESULTS)


if __name__ == "__main__":
    main()
