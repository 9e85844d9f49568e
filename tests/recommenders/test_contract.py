"""Every registered recommender keeps every promise of the protocol."""

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.models.rankers import random_cross_encoder, saved

from leanrec import registry
from leanrec.data.description import ItemDescription
from leanrec.data.events import EventLog
from leanrec.data.query import Query, Recommendations
from leanrec.data.split import Split, split_leave_one_out
from leanrec.data.world import World, WorldConfig
from leanrec.features.item_text import ItemText
from leanrec.recommenders.building import build
from leanrec.recommenders.protocol import Incremental
from leanrec.testing.incremental_contract import check_incremental
from leanrec.testing.recommender_contract import check_recommender

GROUP = "leanrec.recommenders"
SHORT: dict[str, dict[str, Any]] = {
    "cold-start": {"recommender": "cooccurrence"},
    "two-tower": {"encoder": {"width": 16}, "training": {"max_epochs": 3}},
    "ensemble": {"recommender": "sequential", "config": {"encoder": {"width": 16}, "training": {"max_epochs": 2}}, "num_fits": 2},
    "distilled": {"teacher": {"name": "cooccurrence"}, "questions": {"shortened": 0}, "encoder": {"width": 16}, "training": {"max_epochs": 2}},
    "fusion": {
        "members": [
            *({"name": name} for name in ("cooccurrence", "item-knn")),
            {"name": "sequential", "config": {"encoder": {"width": 16}, "training": {"max_epochs": 2}}, "is_optional": True},
        ]
    },
}
"""Settings of what would take long by default."""


@cache
def world() -> World:
    return World.generate(WorldConfig(), seed=0)


@cache
def split() -> Split:
    return split_leave_one_out(world().dataset)


@cache
def scorer() -> str:
    """The folder of a language model that knows the words of the world."""
    descriptions = split().train.catalogue.descriptions()
    texts = ItemText.of_items(descriptions).texts(descriptions)
    return saved(random_cross_encoder(texts), Path(tempfile.mkdtemp(prefix="leanrec-")) / "scorer")


def short(name: str) -> dict[str, Any]:
    """Settings of a recommender, the folders that it needs included."""
    if name == "language-ranker":
        return {"recommender": "cooccurrence", "scorer": scorer(), "candidates": 10, "weight": 1.0}
    return SHORT.get(name, {})


@pytest.mark.parametrize("name", registry.names(GROUP))
def test_recommender_keeps_the_contract(name: str) -> None:
    check_recommender(lambda: build(name, short(name)), split().train, valid=split().valid)


def test_one_that_hides_ids_keeps_the_contract_too() -> None:
    config = {"encoder": {"width": 16}, "training": {"max_epochs": 2}, "items": {"id_dropout": 0.3}}
    check_recommender(lambda: build("sequential", config), split().train)


@pytest.mark.parametrize("name", [name for name in registry.names(GROUP) if issubclass(registry.find(GROUP, name), Incremental)])
def test_appending_equals_refitting(name: str) -> None:
    check_incremental(registry.find(GROUP, name), world().log)


def test_appending_equals_refitting_where_only_the_order_is_known() -> None:
    frame = world().log.frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("timestamp"))
    check_incremental(registry.find(GROUP, "cooccurrence"), EventLog(frame=frame, time_quality="order"))


def test_some_recommender_appends_and_several_know_similar_items() -> None:
    kinds = [registry.find(GROUP, name) for name in registry.names(GROUP)]
    assert any(issubclass(kind, Incremental) for kind in kinds)
    assert sum(hasattr(kind, "similar") for kind in kinds) >= 5


def test_contract_catches_a_recommender_that_leaves_new_items_out() -> None:
    content = registry.find(GROUP, "content")

    class Deaf(content):  # type: ignore[misc, valid-type]
        def with_items(self, items: Sequence[ItemDescription]) -> Any:
            return self

    with pytest.raises(AssertionError, match="new items stand beside"):
        check_recommender(Deaf, split().train)


def test_contract_catches_a_recommender_that_hears_no_text_though_it_says_so() -> None:
    popularity = registry.find(GROUP, "cooccurrence")

    class Pretending(popularity):  # type: ignore[misc, valid-type]
        @property
        def reads_text(self) -> bool:
            return True

    with pytest.raises(AssertionError, match="says what they want"):
        check_recommender(Pretending, split().train)


def test_contract_catches_a_recommender_that_answers_seen_items() -> None:
    popularity = registry.find(GROUP, "popularity")

    class Forgetful(popularity):  # type: ignore[misc, valid-type]
        def recommend(self, queries: Sequence[Query], *, k: int = 10, exclude_seen: bool = True) -> list[Recommendations]:
            return super().recommend(queries, k=k, exclude_seen=False)

    with pytest.raises(AssertionError, match="no seen item"):
        check_recommender(Forgetful, split().train)
