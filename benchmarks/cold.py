"""Cold start: items nobody clicked, users nobody knows, and people's own words; `make bench-cold` writes `cold.json`."""

import argparse

import cold_items
import cold_users
import text_queries
from baselines import calibration_rows
from datasets import RESULTS, require_datasets
from rows import write_rows


def main() -> None:
    """Measure what is not kept yet, then write all rows; or measure one recipe on withheld items."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", nargs=3, metavar=("DATASET", "SEED", "RECIPE"), help="measure one recipe, by its number, and keep the outcome")
    parser.add_argument("--only", choices=cold_items.DATASETS, help="withheld items of this data set alone; writes no rows")
    arguments = parser.parse_args()
    if arguments.items is not None:
        name, seed, recipe = arguments.items
        cold_items.measure(name, int(seed), cold_items.RECIPES[int(recipe)])
        return
    names = cold_items.DATASETS if arguments.only is None else (arguments.only,)
    require_datasets([*names])
    cold_items.fill_cache(names, cold_items.SEEDS)
    if arguments.only is None:
        rows = [*cold_items.rows(names, cold_items.SEEDS), *cold_users.rows(), *text_queries.rows()]
        write_rows("cold", [*calibration_rows(), *rows], RESULTS)


if __name__ == "__main__":
    main()
