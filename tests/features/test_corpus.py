"""A corpus holds each text once, whatever the order of the files, and counts all that it left out."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from leanrec.data.description import ItemDescription
from leanrec.data.events import EVENT_SCHEMA, REVIEW_COLUMN, EventLog
from leanrec.errors import DataError
from leanrec.features.corpus import CorpusConfig, make_corpus, without_boilerplate, without_words, words_of
from leanrec.features.corpus_duplicates import near_duplicates
from leanrec.features.corpus_sources import file_documents, is_text_file, item_documents, review_documents

COLOURS = ("red", "blue", "green", "black", "white", "pink", "grey")
THINGS = ("nail polish", "hand cream", "cordless drill", "night film", "paper kite", "oak table", "tin soldier")
TEXTS = [f"{colour} {thing} number {number}" for number, colour in enumerate(COLOURS) for thing in THINGS]


def everything(corpus: object) -> set[str]:
    return {*corpus.train, *corpus.valid, *corpus.test}  # type: ignore[attr-defined]


def test_parts_do_not_depend_on_the_order_or_on_what_else_there_is() -> None:
    config = CorpusConfig(held_out=0.4)
    first = make_corpus(TEXTS, config)
    shuffled = [TEXTS[place] for place in np.random.default_rng(1).permutation(len(TEXTS))]
    assert make_corpus(shuffled, config).fingerprint == first.fingerprint
    more = make_corpus([*TEXTS, "an entirely new text of a shop", "and one more that nobody knew"], config)
    assert set(first.test) <= set(more.test)
    assert set(first.valid) <= set(more.valid)
    assert everything(first) == set(TEXTS)
    assert len(first.train) + len(first.valid) + len(first.test) == len(TEXTS)


def test_every_text_that_is_left_out_is_counted_once() -> None:
    texts = [*TEXTS, "", " \x00 ", "short one", TEXTS[0].upper() + "!", "<b>" + TEXTS[1] + "</b>", TEXTS[2]]
    report = make_corpus(texts, CorpusConfig(held_out=0.4)).report
    assert (report.num_read, report.num_empty, report.num_short, report.num_equal, report.num_near) == (len(texts), 2, 1, 3, 0)
    kept = report.num_train + report.num_valid + report.num_test
    assert kept == len(TEXTS) == len(texts) - report.num_empty - report.num_short - report.num_equal - report.num_near
    assert "2 empty, 1 too short, 3 equal to another" in report.describe()


def test_of_near_copies_the_longest_stays_and_none_is_held_out_beside_it() -> None:
    story = "the lotion was light and it smelled of roses and my skin was soft for the whole of the day after that"
    corpus = make_corpus([*TEXTS, story, f"{story} indeed", f"well {story}"], CorpusConfig(held_out=0.4))
    assert corpus.report.num_near == 2
    assert [text for text in everything(corpus) if "roses" in text] == [f"{story} indeed"]
    assert make_corpus([*TEXTS, story, f"{story} indeed"], CorpusConfig(held_out=0.4, near_duplicates=1)).report.num_near == 0


def test_near_duplicates_are_those_whose_shingles_overlap() -> None:
    rng = np.random.default_rng(0)
    words = [f"w{number}" for number in range(500)]
    texts: list[list[str]] = []
    for _ in range(60):
        text = rng.choice(words, 40).tolist()
        changed = [*text]
        for place in rng.choice(40, rng.integers(0, 5), replace=False):
            changed[place] = str(rng.choice(words))
        texts += [text, changed]

    def shingles(text: list[str]) -> set[tuple[str, ...]]:
        return {tuple(text[place : place + 3]) for place in range(len(text) - 2)}

    found = near_duplicates(texts, similarity=0.8)
    kept: list[set[tuple[str, ...]]] = []
    for number, text in enumerate(texts):
        mine = shingles(text)
        is_copy = any(len(mine & other) / len(mine | other) >= 0.8 for other in kept)
        assert found[number] == is_copy
        if not is_copy:
            kept.append(mine)
    assert 10 < found.sum() < 50


def test_texts_that_share_one_phrase_are_no_copies() -> None:
    texts = [["free", "shipping", "on", "all", "orders", *(f"{row}x{n}" for n in range(12))] for row in range(300)]
    assert not near_duplicates(texts, similarity=0.8).any()


def test_boilerplate_is_what_many_texts_say_in_a_long_sentence() -> None:
    phrase = "These statements have not been evaluated by any authority whatsoever."
    texts = [f"{text}. Beauty, Nails. {phrase}" for text in TEXTS]
    cleaned, taken = without_boilerplate(texts, share=0.05, min_words=8)
    assert taken == len(texts)
    assert cleaned == [f"{text}. Beauty, Nails." for text in TEXTS]
    assert without_boilerplate(texts[:15], share=0.05, min_words=8)[1] == 0


def test_stop_words_go_whatever_their_case_and_are_counted() -> None:
    pytest.importorskip("sklearn")
    assert without_words(["The drill AND the Film", "und der Film"], ("english", "UND")) == (["drill Film", "der Film"], 4)
    corpus = make_corpus([f"{text} of the house" for text in TEXTS], CorpusConfig(stop_words=("of", "the"), held_out=0.4))
    assert corpus.report.num_stop_words == 2 * len(TEXTS)
    assert {f"{text} house" for text in TEXTS} == everything(corpus)


def test_languages_without_spaces_have_words() -> None:
    assert len(words_of("電動ドリル 18V")) == 6
    assert make_corpus([f"電動ドリル{n} {n}号" for n in range(100)]).report.num_short == 0


def test_too_few_texts_are_refused_with_what_became_of_them() -> None:
    with pytest.raises(DataError, match=r"too few texts .* 0 texts read"):
        make_corpus([])
    with pytest.raises(DataError, match="3 texts read; left out: 3 too short"):
        make_corpus(["a b", "c", "d e"])


def test_max_documents_draws_the_same_texts_each_time() -> None:
    config = CorpusConfig(max_documents=30, held_out=0.4)
    corpus = make_corpus(TEXTS, config)
    assert corpus.report.num_beyond == len(TEXTS) - 30
    assert make_corpus(TEXTS[::-1], config).fingerprint == corpus.fingerprint


def test_items_and_reviews_are_documents() -> None:
    items = [ItemDescription(item_id="i1", title="red polish", attributes={"categories": ["Beauty", "Nails"]})]
    assert item_documents(items) == ["red polish. Beauty, Nails."]
    columns = {"user_id": ["u", "v"], "item_id": ["i1", "i1"], "event": ["rate", "rate"], "timestamp": [1, 2], "value": [5.0, 4.0]}
    frame = pl.DataFrame(columns).select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items())
    assert review_documents(EventLog(frame=frame, time_quality="exact")) == []
    reviewed = frame.with_columns(pl.Series(REVIEW_COLUMN, ["it was good", None], dtype=pl.String))
    assert review_documents(EventLog(frame=reviewed, time_quality="exact")) == ["it was good"]


def test_files_of_texts_are_told_from_files_of_events(tmp_path: Path) -> None:
    lines, jsonl, parquet = tmp_path / "a.txt", tmp_path / "b.jsonl", tmp_path / "c.parquet"
    lines.write_text("A red polish, quick to dry.\nA drill.\n")
    jsonl.write_text("".join(json.dumps({"text": text, "n": 1}) + "\n" for text in ("one text", "two\ntexts")))
    pl.DataFrame({"body": ["one", None]}).write_parquet(parquet)
    assert file_documents(str(lines)) == ["A red polish, quick to dry.", "A drill."]
    assert file_documents(str(jsonl)) == ["one text", "two\ntexts"]
    assert file_documents(str(parquet), key="body") == ["one"]
    assert is_text_file(str(lines))
    assert is_text_file(str(jsonl))
    assert not is_text_file(str(jsonl), key="body")
    for events in ("user_id,item_id,timestamp\nu1,i1,1\n", "1 5 3 9\n2 4 7\n", "1::2::3\n"):
        lines.write_text(events)
        assert not is_text_file(str(lines))
    with pytest.raises(DataError, match="record 1: no text under 'body'; it holds text, n"):
        file_documents(str(jsonl), key="body")
    with pytest.raises(DataError, match="no text under 'text'; it holds body"):
        file_documents(str(parquet))
