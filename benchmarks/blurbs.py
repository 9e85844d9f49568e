"""Blurbs: what the checker refuses and accepts, how often SmolLM2 says what its record supports, and what a text costs."""

import argparse
import time
from collections.abc import Sequence

from blurb_cases import PHRASINGS, UNSEEN_PHRASINGS, adversarial_texts, cases, honest_texts
from datasets import RESULTS, read_dataset, require_datasets
from leanrec.data.packaged import is_at_hand
from leanrec.explaining.claims import Checker, check
from leanrec.explaining.facts import FactRecord
from leanrec.explaining.generators import TextGenerator
from leanrec.explaining.narrate import Narrator, NarratorConfig
from leanrec.explaining.templates import template_text
from leanrec.explaining.transformers_generator import TransformersGenerator
from rows import BenchmarkRow, write_rows

CASE = "blurb checker"
DATASET = "amazon14-beauty"
NUM_ITEMS = 20
"""Items of the catalogue, evenly spread, that SmolLM2 writes about."""
MAX_TOKENS = 64


def main() -> None:
    """Measure, and write `blurbs.json` and `blurbs.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=NUM_ITEMS, help="texts by SmolLM2; 0 leaves it out")
    arguments = parser.parse_args()
    if arguments.items:
        require_datasets([DATASET])
    write_rows("blurbs", rows(num_items=arguments.items), RESULTS)


def rows(*, num_items: int = NUM_ITEMS) -> list[BenchmarkRow]:
    """All figures; those of SmolLM2 only where its package and the data set are at hand."""
    found = [*_checker_rows(), *_honest_rows()]
    if num_items and is_at_hand("smollm2"):
        found += generator_rows(TransformersGenerator("smollm2"), num_items=num_items)
    return found


def _checker_rows() -> list[BenchmarkRow]:
    refused, told, supported, began = 0, 0, 0, time.process_time()
    every = cases()
    for case in every:
        checker = Checker.of(case.record)
        texts = adversarial_texts(case)
        told += len(texts)
        refused += sum(not checker.check(text).is_supported for text in texts)
        supported += checker.check(template_text(case.record)).is_supported
    seconds = time.process_time() - began
    note = f"{told - refused} of {told} texts about {len(every)} records passed"
    return [
        BenchmarkRow(case=CASE, metric="adversarial texts refused", value=refused / told, unit="share", note=note, cpu_seconds=seconds),
        BenchmarkRow(
            case=CASE, metric="templates supported", value=supported / len(every), unit="share", note=f"{supported} of {len(every)} records"
        ),
        BenchmarkRow(case=CASE, metric="check of a text", value=1000 * seconds / (told + len(every)), unit="CPU milliseconds"),
    ]


def _honest_rows() -> list[BenchmarkRow]:
    sets = {"written for": PHRASINGS, "unseen": UNSEEN_PHRASINGS}
    return [_honest_row(name, phrasings) for name, phrasings in sets.items()]


def _honest_row(name: str, phrasings: Sequence[str]) -> BenchmarkRow:
    texts = honest_texts(phrasings)
    accepted = sum(check(record, text).is_supported for record, text in texts)
    notes = {
        "written for": "phrasings that the grammar was written for",
        "unseen": "phrasings written down before the grammar had its last form, never used to widen it",
    }
    return BenchmarkRow(
        case=CASE,
        metric=f"honest texts accepted ({name})",
        value=accepted / len(texts),
        unit="share",
        note=f"{accepted} of {len(texts)}; {notes[name]}",
    )


def generator_rows(generator: TextGenerator, *, num_items: int) -> list[BenchmarkRow]:
    """How often the first text of a generator is supported, over items spread over the catalogue, and what a text costs."""
    items = read_dataset(DATASET).catalogue.descriptions()
    chosen = items[:: max(1, len(items) // num_items)][:num_items]
    narrator = Narrator(generator, NarratorConfig(tries=1, max_tokens=MAX_TOKENS))
    generator.generate("Warm", max_tokens=1, seed=0)  # the model is loaded before the clock starts
    began = time.process_time()
    told = [narrator.blurb(item) for item in chosen]
    seconds = time.process_time() - began
    wrong = sum(not check(FactRecord.of_item(item), narration.text).is_supported for item, narration in zip(chosen, told, strict=True))
    generated = sum(narration.source == "generated" for narration in told)
    same = sum(
        narration.text == template_text(FactRecord.of_item(item))
        for item, narration in zip(chosen, told, strict=True)
        if narration.source == "generated"
    )
    common = {"case": generator.name, "dataset": DATASET, "seeds": 1}
    return [
        BenchmarkRow(
            **common,
            metric="generated texts accepted",
            value=generated / len(told),
            unit="share",
            note=f"{generated} of {len(told)} first texts, {same} of them in the template's own words; the template speaks otherwise",
        ),
        BenchmarkRow(**common, metric="shown texts unsupported", value=wrong / len(told), unit="share", note=f"{wrong} of {len(told)}"),
        BenchmarkRow(
            **common, metric="time of a text", value=1000 * seconds / len(told), unit="CPU milliseconds", cpu_seconds=seconds, note="one thread"
        ),
    ]


if __name__ == "__main__":
    main()
