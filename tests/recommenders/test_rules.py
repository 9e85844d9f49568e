from pathlib import Path

import polars as pl
import pytest
from tests.recommenders.data import dataset_of

from leanrec.config import read_toml
from leanrec.data.catalogue import Catalogue
from leanrec.data.query import Query
from leanrec.errors import ConfigError, DataError
from leanrec.recommenders.rules import Rules, RulesConfig

GENRES = ["Horror", "Thriller", "Comedy", "Horror"]
FILMS = Catalogue(frame=pl.DataFrame({"item_id": list("abcd"), "genre": GENRES, "year": [1980, 1990, 2000, 2010]}))
WATCHED = {"u": "abc", "v": "cd", "w": "c"}

TEXT = """
[[rules]]
if = "genre=Horror"
then = "genre=Thriller"
boost = 2.0

[[rules]]
if = "context.device=phone"
then = "year>=2005"

[[rules]]
if = "genre=Comedy"
then = "genre=Horror"
boost = -5.0
at_least = 2
"""


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    path = tmp_path / "rules.toml"
    path.write_text(TEXT)
    return Rules(RulesConfig.parse(read_toml(path))).fit(dataset_of(WATCHED, catalogue=FILMS))


def test_a_rule_about_the_history_raises_what_it_names(rules: Rules) -> None:
    answer = rules.recommend([Query(history=("a",))], k=1)[0]
    assert answer.item_ids == ("b",)
    assert rules.reason(Query(history=("a",)), "b") == "the rule genre=Horror -> genre=Thriller"
    assert rules.reason(Query(history=("c",)), "b") == ""


def test_a_rule_about_the_context_holds_without_a_history(rules: Rules) -> None:
    query = Query(context={"device": "phone"})
    answer = rules.recommend([query], k=1)[0]
    assert answer.item_ids == ("d",)
    assert not answer.cold
    assert rules.recommend([Query(context={"device": "desk"})], k=1)[0].item_ids == ("c",)


def test_a_rule_may_ask_for_several_events_and_hold_items_back(rules: Rules) -> None:
    once, twice = rules.score(Query(history=("c",)), ["d"])[0], rules.score(Query(history=("c", "c")), ["d"])[0]
    assert twice == pytest.approx(once - 5.0)


def test_rules_survive_saving_with_their_words(rules: Rules, tmp_path: Path) -> None:
    rules.save(tmp_path / "rules")
    loaded = Rules.load(tmp_path / "rules")
    assert loaded.config == rules.config
    assert loaded.recommend([Query(history=("a",))], k=3) == rules.recommend([Query(history=("a",))], k=3)


UNREADABLE, UNKNOWN_COLUMN = {"if": "genre", "then": "genre=Horror"}, {"if": "colour=red", "then": "genre=Horror"}


@pytest.mark.parametrize(("rule", "error"), [(UNREADABLE, ConfigError), (UNKNOWN_COLUMN, DataError)])
def test_a_rule_that_cannot_be_kept_is_refused_when_fitted(rule: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        Rules(RulesConfig.parse({"rules": [rule]})).fit(dataset_of(WATCHED, catalogue=FILMS))


def test_a_misspelt_key_of_a_rule_is_refused() -> None:
    with pytest.raises(ConfigError, match="boots"):
        RulesConfig.parse({"rules": [{"if": "genre=Horror", "then": "genre=Comedy", "boots": 1.0}]})
