"""The contract suite of recommenders: every promise of the protocol, tried out on one data set.

A plug-in's author calls `check_recommender(MyRecommender, dataset)` in a test; it raises `AssertionError` naming the broken promise.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from leanrec.data.acts import is_act
from leanrec.data.dataset import Dataset
from leanrec.data.description import ItemDescription
from leanrec.data.query import Query, Recommendations
from leanrec.errors import ArtifactError, ConfigError, DataError, NotFittedError, UnknownIdError
from leanrec.recommenders.protocol import AddsItems, LearnsFromValidation, ReadsText, Recommender, SimilarItems
from leanrec.testing.expecting import expect_error, require
from leanrec.training.run import Run

Factory = Callable[[], Recommender]

NUM_QUERIES = 12
TOLERANCE = 1e-4
"""Of the largest score: what summing in another order may change."""
UNKNOWN = "\x00an id that nobody has"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fitted recommender and what to ask it."""

    factory: Factory
    fitted: Recommender
    train: Dataset
    valid: Dataset | None
    queries: tuple[Query, ...]


def check_recommender(factory: Factory, train: Dataset, *, valid: Dataset | None = None) -> None:
    """Raise `AssertionError` naming the first promise that the recommender breaks.

    `factory` makes a fresh one with default settings; `train` needs ten items and a few users; `valid` holds their later events.
    """
    case = _fitted_case(factory, train, valid)
    for promise in PROMISES:
        promise(case)
    if isinstance(case.fitted, SimilarItems):
        _knows_similar_items(case)
    if isinstance(case.fitted, ReadsText):
        _reads_text(case, case.fitted.reads_text)
    if isinstance(case.fitted, AddsItems):
        _adds_items(case, case.fitted)
    if isinstance(case.fitted, LearnsFromValidation):
        _settles(case, case.fitted.settled())


def _fitted_case(factory: Factory, train: Dataset, valid: Dataset | None) -> Case:
    before = train.events.clone()
    fitted = factory()
    require(isinstance(fitted, Recommender), "it lacks a method of the protocol Recommender")
    returned = fitted.fit(train, valid=valid, run=Run())
    require(returned is fitted, "fit returns the recommender itself")
    require(train.events.equals(before), "fit leaves its input as it was")
    return Case(factory=factory, fitted=fitted, train=train, valid=valid, queries=_queries(train))


def _queries(train: Dataset) -> tuple[Query, ...]:
    acts = train.events.filter(pl.Series(is_act(train)))
    chosen = acts.group_by("user_row", maintain_order=True).agg("item_row").head(NUM_QUERIES)
    return tuple(
        Query(user_id=train.users.ids[user], history=tuple(train.items.ids[row] for row in rows))
        for user, rows in zip(chosen["user_row"].to_list(), chosen["item_row"].to_list(), strict=True)
    )


def _refuses_before_fit(case: Case) -> None:
    fresh = case.factory()
    query = case.queries[0]
    expect_error(NotFittedError, lambda: fresh.recommend([query], k=1), "recommend before fit")
    expect_error(NotFittedError, lambda: fresh.score(query, [case.train.items.ids[0]]), "score before fit")
    with tempfile.TemporaryDirectory() as folder:
        expect_error(NotFittedError, lambda: fresh.save(Path(folder) / "unfitted"), "save before fit")


def _repeats_itself(case: Case) -> None:
    again = case.factory().fit(case.train, valid=case.valid, run=Run())
    require(_lists(again, case) == _lists(case.fitted, case), "the same seed and data give the same answers")


def _answers_in_order(case: Case) -> None:
    for query, answer in zip(case.queries, _lists(case.fitted, case), strict=True):
        scores = [item.score for item in answer.items]
        require(len(scores) <= 10, "at most k items are answered")
        require(all(np.isfinite(scores)), "scores are finite")
        require(scores == sorted(scores, reverse=True), "scores fall")
        require(len(set(answer.item_ids)) == len(scores), "no item is answered twice")
        require(all(item in case.train.items for item in answer.item_ids), "all items are from the catalogue")
        require(not set(answer.item_ids) & set(query.history), "no seen item is answered")
        require(answer.user_id == query.user_id, "the answer names who asked")


def _answers_alone_as_together(case: Case) -> None:
    alone = [case.fitted.recommend([query], k=10)[0] for query in case.queries]
    require(_agree(alone, _lists(case.fitted, case)), "a query is answered alike alone and among others")
    require(case.fitted.recommend([], k=10) == [], "no queries, no answers")


def _heeds_k(case: Case) -> None:
    query = case.queries[0]
    everything = case.fitted.recommend([query], k=len(case.train.items) + 5, exclude_seen=False)[0]
    require(len(everything.items) == len(case.train.items), "k above the catalogue gives what there is")
    require(len(case.fitted.recommend([query], k=1)[0].items) == 1, "k = 1 gives one item")
    expect_error(ConfigError, lambda: case.fitted.recommend([query], k=0), "k = 0")
    expect_error(ConfigError, lambda: case.fitted.recommend([query], k=-1), "k = -1")


def _answers_strangers(case: Case) -> None:
    for query in (Query(), Query(user_id=UNKNOWN), Query(user_id=UNKNOWN, history=(UNKNOWN,))):
        answer = case.fitted.recommend([query], k=5)[0]
        require(len(answer.items) == min(5, len(case.train.items)), "an empty or unknown history is answered")
        require(answer.cold, "an answer without a known history is marked cold")
    known = case.fitted.recommend([Query(user_id=case.queries[0].user_id, history=(UNKNOWN, *case.queries[0].history))], k=5)[0]
    require(not known.cold, "an unknown item in a known user's history does not make them cold")


def _heeds_candidates(case: Case) -> None:
    candidates = case.train.items.ids[:6]
    answer = case.fitted.recommend([Query(candidates=(*candidates, UNKNOWN))], k=10)[0]
    require(set(answer.item_ids) == set(candidates), "candidates are answered and nothing else; unknown ones are left out")
    query = Query(user_id=case.queries[0].user_id, history=case.queries[0].history, candidates=candidates)
    answer = case.fitted.recommend([query], k=10, exclude_seen=False)[0]
    require(set(answer.item_ids) == set(candidates), "candidates are answered for a known user")
    require(case.fitted.recommend([Query(candidates=())], k=10)[0].items == (), "no candidates, no items")
    expect_error(ConfigError, lambda: case.fitted.recommend([Query(filters=("a=b",))], k=1), "filters that nobody resolved")


def _heeds_exclusions(case: Case) -> None:
    query = case.queries[0]
    best = case.fitted.recommend([query], k=3)[0].item_ids
    without = Query(user_id=query.user_id, history=query.history, exclude=(*best, UNKNOWN))
    require(not set(case.fitted.recommend([without], k=10)[0].item_ids) & set(best), "excluded items are not answered")


def _scores_as_it_recommends(case: Case) -> None:
    query = case.queries[0]
    answer = case.fitted.recommend([query], k=10)[0]
    scores = case.fitted.score(query, answer.item_ids)
    require(scores.dtype == np.float32 and scores.shape == (len(answer.items),), "score gives one float32 per item")
    require(bool(np.allclose(scores, [item.score for item in answer.items], rtol=1e-5, atol=1e-7)), "score agrees with recommend")
    expect_error(UnknownIdError, lambda: case.fitted.score(query, [UNKNOWN]), "scoring an unknown item")


def _survives_saving(case: Case) -> None:
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "saved"
        case.fitted.save(folder)
        case.fitted.save(folder)
        loaded = type(case.fitted).load(folder)
        require(_agree(_lists(loaded, case), _lists(case.fitted, case)), "save and load give the same answers")
        require(_lists(type(case.fitted).load(folder), case) == _lists(loaded, case), "what is loaded twice answers alike to the last digit")
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            content = path.read_bytes()
            path.write_bytes(_with_one_byte_changed(content))
            expect_error(ArtifactError, lambda: type(case.fitted).load(folder), f"loading with {path.name} damaged")
            path.write_bytes(content)
        expect_error(ArtifactError, lambda: type(case.fitted).load(Path(parent) / "nowhere"), "loading a folder that is not there")


def _knows_similar_items(case: Case) -> None:
    fitted = case.fitted
    assert isinstance(fitted, SimilarItems)
    for item_id in case.train.items.ids[:5]:
        answer = fitted.similar(item_id, k=5)
        scores = [item.score for item in answer.items]
        require(len(scores) <= 5 and item_id not in answer.item_ids, "similar gives at most k items, without the item itself")
        require(scores == sorted(scores, reverse=True), "similar items stand nearest first")
        require(all(item in case.train.items for item in answer.item_ids), "similar items are from the catalogue")
    expect_error(UnknownIdError, lambda: fitted.similar(UNKNOWN, k=5), "similar to an unknown item")
    expect_error(ConfigError, lambda: fitted.similar(case.train.items.ids[0], k=0), "similar with k = 0")


def _reads_text(case: Case, does: bool) -> None:
    text = _words_of_an_item(case.train)
    if not does:
        expect_error(ConfigError, lambda: case.fitted.recommend([Query(text=text)], k=5), "a text for a recommender that reads none")
        return
    history = case.queries[0].history
    for query in (Query(text=text), Query(text=text, history=history), Query(text="\u05e9\u05dc\u05d5\u05dd \ud800 ?!")):
        answer = case.fitted.recommend([query], k=5)[0]
        require(len(answer.items) == min(5, len(case.train.items)), "a text is answered, whatever it says")
        require(all(np.isfinite([item.score for item in answer.items])), "scores for a text are finite")
        require(not answer.cold, "who says what they want is not cold")
    silent, said, empty = (case.fitted.recommend([Query(text=words, history=history)], k=10)[0] for words in (None, text, ""))
    require(empty == silent, "an empty text is no text")
    require(said != silent, "a text changes the answer")
    require(case.fitted.recommend([Query(text="")], k=5)[0].cold, "an empty text leaves a stranger cold")


def _words_of_an_item(train: Dataset) -> str:
    """What some item says of itself; one word where none says anything."""
    for item in train.catalogue.descriptions():
        texts = [value for value in item.attributes.values() if isinstance(value, (str, list))]
        words = [word for value in texts for word in ([value] if isinstance(value, str) else value)]
        if item.title or words:
            return " ".join([item.title or "", *words])
    return "anything"


def _adds_items(case: Case, fitted: AddsItems) -> None:
    known = case.train.catalogue.descriptions()
    twin, blank = ItemDescription(item_id=f"{UNKNOWN} yet", title=known[0].title, attributes=known[0].attributes), ItemDescription(item_id=UNKNOWN)
    if not fitted.adds_items:
        expect_error(ConfigError, lambda: fitted.with_items([twin]), "adding items to a recommender that takes none in")
        return
    before = _lists(case.fitted, case)
    grown = fitted.with_items([twin]).with_items([blank])
    assert isinstance(grown, Recommender)
    require(_lists(case.fitted, case) == before, "adding items leaves the recommender as it was")
    everything = grown.recommend([case.queries[0]], k=len(case.train.items) + 5, exclude_seen=False)[0]
    require(set(everything.item_ids) == {*case.train.items.ids, twin.item_id, blank.item_id}, "new items stand beside the known ones")
    require(bool(np.isfinite(grown.score(case.queries[0], [twin.item_id, blank.item_id])).all()), "new items have finite scores")
    alone = grown.recommend([Query(candidates=(blank.item_id, twin.item_id))], k=5)[0]
    require(set(alone.item_ids) == {twin.item_id, blank.item_id}, "a new item can be a candidate")
    require(len(grown.recommend([Query(history=(twin.item_id,))], k=5)[0].items) == 5, "a history may hold new items")
    if isinstance(grown, SimilarItems):
        require(twin.item_id not in grown.similar(twin.item_id, k=5).item_ids, "what is like a new item can be asked")
    expect_error(DataError, lambda: fitted.with_items([known[0]]), "adding an item that is known")
    expect_error(DataError, lambda: fitted.with_items([blank, blank]), "adding an item twice")
    with tempfile.TemporaryDirectory() as parent:
        case.fitted.save(Path(parent) / "saved")
        loaded = type(case.fitted).load(Path(parent) / "saved")
        assert isinstance(loaded, AddsItems)
        again = loaded.with_items([twin, blank])
        assert isinstance(again, Recommender)
        require(_agree(_lists(again, case), _lists(grown, case)), "once saved and loaded, a recommender adds items as before")


def _settles(case: Case, settled: Recommender) -> None:
    expect_error(NotFittedError, lambda: settled.recommend(case.queries[:1], k=1), "asking a settled recommender before fit")
    settled.fit(case.train, run=Run())
    require(_agree(_lists(settled, case), _lists(case.fitted, case)), "a settled recommender answers as the one that learned from validation")


def _lists(recommender: Recommender, case: Case) -> list[Recommendations]:
    return recommender.recommend(case.queries, k=10)


def _agree(answers: Sequence[Recommendations], others: Sequence[Recommendations]) -> bool:
    """Whether two lists of answers are alike but for the last digits of scores, which depend on how many queries are asked at once.

    Items whose scores differ by no more than that may change places, and fall off the end of a list.
    """
    return len(answers) == len(others) and all(_agree_on_one(answer, other) for answer, other in zip(answers, others, strict=True))


def _agree_on_one(answer: Recommendations, other: Recommendations) -> bool:
    if (answer.user_id, answer.cold, len(answer.items)) != (other.user_id, other.cold, len(other.items)):
        return False
    if not answer.items:
        return True
    scores, others = ({item.item_id: item.score for item in given.items} for given in (answer, other))
    slack = TOLERANCE * max(map(abs, scores.values()))
    last = min(scores.values()), min(others.values())
    return abs(last[0] - last[1]) <= slack and all(
        abs(scores.get(item_id, last[0]) - others.get(item_id, last[1])) <= slack for item_id in scores.keys() | others.keys()
    )


def _with_one_byte_changed(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


PROMISES: tuple[Callable[[Case], None], ...] = (
    _refuses_before_fit,
    _repeats_itself,
    _answers_in_order,
    _answers_alone_as_together,
    _heeds_k,
    _answers_strangers,
    _heeds_candidates,
    _heeds_exclusions,
    _scores_as_it_recommends,
    _survives_saving,
)
