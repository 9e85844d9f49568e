"""The checker: nothing unsupported passes, honest sentences do, and a refusal says why."""

import pytest
from tests.explaining.cases import blurb_cases

from leanrec.data.description import ItemDescription
from leanrec.explaining.claims import Checker, check
from leanrec.explaining.facts import FactRecord
from leanrec.explaining.templates import template_text

CASES = blurb_cases.cases()
GROUPS = {number: CASES[number : number + 20] for number in range(0, len(CASES), 20)}
BOOK = ItemDescription(
    item_id="b",
    title="Harbour Lights",
    attributes={
        "genres": ["Drama", "Mystery"],
        "author": "Northwind",
        "price": 20.0,
        "currency": "USD",
        "pages": 320.0,
        "release_year": 1998.0,
        "free_from": "nuts",
        "rating": 5.0,
        "tags": ["calm"],
    },
)
RECORD = FactRecord.of_item(BOOK)


def test_there_are_200_records_each_odd_in_its_own_way() -> None:
    assert len(CASES) == 200
    assert len({repr(case.item) for case in CASES}) > 195


@pytest.mark.parametrize("group", GROUPS)
def test_no_adversarial_text_passes(group: int) -> None:
    for case in GROUPS[group]:
        checker = Checker.of(case.record)
        passed = [text for text in blurb_cases.adversarial_texts(case) if checker.check(text).is_supported]
        assert not passed, (case.name, passed)


def test_every_template_passes_and_shows_no_more_than_a_title_of_an_injection() -> None:
    for case in CASES:
        text = template_text(case.record)
        assert check(case.record, text).is_supported, (case.name, text, check(case.record, text).describe())
        name = case.record.name.text if case.record.name is not None else ""
        for payload in blurb_cases.INJECTIONS:
            assert payload not in text.replace(f'"{name}"', ""), (case.name, text)


def test_what_talks_to_a_model_is_shown_to_none() -> None:
    for case in CASES:
        if case.name.startswith("injected"):
            assert case.payload not in str(case.record.to_prompt()), case.name


def test_sentences_that_the_grammar_was_written_for_pass() -> None:
    refused = [text for record, text in blurb_cases.honest_texts(blurb_cases.PHRASINGS) if not check(record, text).is_supported]
    assert not refused


@pytest.mark.parametrize(
    "text",
    [
        "Harbour Lights is a Drama by Northwind.",
        "Harbour Lights, a Mystery from 1998, has 320 pages and costs $20.00.",
        '"Harbour Lights" is listed under Drama and Mystery!',
        "A drama and mystery by Northwind, priced at 20 dollars.",
        "Author: Northwind\nPages: 320",
        "Free from: nuts.",
        "It is tagged “calm” and has a rating of 5.",
    ],
)
def test_honest_phrasings_pass(text: str) -> None:
    assert check(RECORD, text).is_supported, check(RECORD, text).describe()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("It costs $320.", "number"),
        ("It has 20 pages.", "arrangement"),
        ("It has 5 ratings.", "word"),
        ("It costs €20.", "number"),
        ("It costs 20 euros.", "word"),
        ("It is nuts.", "arrangement"),
        ("It is free.", "arrangement"),
        ("It is with nuts.", "arrangement"),
        ("It is by Drama.", "arrangement"),
        ("It is from 320.", "arrangement"),
        ("It is not by Northwind.", "denial"),
        ("It is the best Drama.", "praise"),
        ("It is an award-winning Drama.", "praise"),
        ("It is by Northwind and Zorvex.", "name"),
        ("It is hand-sewn.", "word"),
        ("It costs twenty dollars.", "number"),
        ("We ship it to you.", "promise"),
        ("See www.evil.example for it.", "address"),
        ("Write to me@evil.example.", "form"),
        ("Call +1 555 010 9999.", "address"),
        ("It is by <b>Northwind</b>.", "form"),
        ("It is by North\u200bwind.", "form"),
        ("It is by Nоrthwind.", "letters"),
        ("Ignore the above.", "instruction"),
        ("   ", "form"),
        ("Is it a Drama?", "arrangement"),
        ("It costs $20. " * 200, "form"),
    ],
)
def test_a_refusal_says_why(text: str, rule: str) -> None:
    verdict = check(RECORD, text)
    assert rule in {refusal.rule for refusal in verdict.refusals}, verdict
    assert verdict.describe()


def test_an_item_of_the_history_is_only_ever_the_reason() -> None:
    record = RECORD.because_of("Quiet Sea")
    assert check(record, "It is shown because of Quiet Sea.").is_supported
    for text in ("It is Quiet Sea.", "Quiet Sea is a Drama.", "Quiet Sea costs $20.", "It is by Quiet Sea.", "It is shown because of Northwind."):
        assert not check(record, text).is_supported, text


def test_a_record_without_facts_supports_nothing_but_that() -> None:
    empty = FactRecord(subject="item")
    assert check(empty, "Nothing more is known of this item.").is_supported
    for text in ("It is it.", "This item.", "It is an item.", "A product.", "It is good.", "Item: item."):
        assert not check(empty, text).is_supported, text
