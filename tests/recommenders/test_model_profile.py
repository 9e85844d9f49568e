"""Profiles of a model's users: computed for questions only where the recommender reads them, and the same as from the saved folder."""

from pathlib import Path

import pytest

from leanrec.data.world import World
from leanrec.recommenders.model import Model
from leanrec.recommenders.popularity import Popularity
from leanrec.workflow.profiling import profiles


class Reader(Popularity):
    """Popularity that says whether it reads profiles."""

    reads_profile = True


@pytest.fixture(scope="module")
def model() -> Model:
    dataset = World.generate(seed=8).dataset
    return Model(recommender=Popularity().fit(dataset), dataset=dataset, name="popularity")


def test_a_question_carries_a_profile_only_for_a_recommender_that_reads_it(model: Model) -> None:
    user = model.dataset.users.ids[0]
    assert model.query(user).profile is None
    reading = Model(recommender=Reader().fit(model.dataset), dataset=model.dataset, name="popularity")
    found = reading.query(user, history=model.dataset.items.ids[:2]).profile
    assert found is not None and found.num_events == len(model.history(user)) + 2


def test_the_profile_in_memory_is_that_of_the_saved_folder(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "shop")
    user = model.dataset.users.ids[3]
    ours = model.profile(user)
    (theirs,) = profiles(tmp_path / "shop", [user], now=int(model.dataset.column("timestamp").max()))
    assert theirs.tastes == ours.tastes and theirs.bands == ours.bands and theirs.rhythm == ours.rhythm


def test_a_stranger_has_the_profile_of_the_session(model: Model) -> None:
    found = model.profile("never seen", history=[*model.dataset.items.ids[:3], "no such item"])
    assert found.num_events == 3 and found.tastes and found.recency is None
