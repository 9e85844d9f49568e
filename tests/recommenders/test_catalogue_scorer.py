import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanrec.data.query import Query
from leanrec.data.world import World, WorldConfig
from leanrec.errors import ConfigError
from leanrec.recommenders.building import build
from leanrec.recommenders.catalogue_scorer import top_rows

SCORES = st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 0.5, 2.0]) | st.floats(-3, 3, width=32), min_size=1, max_size=60)


@settings(max_examples=300, deadline=None)
@given(scores=SCORES, k=st.integers(1, 70))
def test_the_best_rows_are_those_of_a_stable_sort(scores: list[float], k: int) -> None:
    values = np.array(scores, dtype=np.float32)
    by_sorting = [row for row in np.argsort(-values, kind="stable").tolist() if np.isfinite(values[row])][:k]
    assert top_rows(values, k=k).tolist() == by_sorting


def test_text_that_nobody_reads_is_refused_not_ignored() -> None:
    recommender = build("popularity").fit(World.generate(WorldConfig(num_users=10, num_items=20)).dataset)
    with pytest.raises(ConfigError, match="reads none"):
        recommender.recommend([Query(text="something quiet for a rainy evening")])
