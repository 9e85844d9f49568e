"""SpokenAttributes: an attribute is spoken of when all its words are, rare ones count more, and nothing known gives nothing."""

import numpy as np
import pytest
import scipy.sparse as sp

from leanrec.features.attribute_vocabulary import AttributeVocabulary
from leanrec.features.spoken_attributes import SpokenAttributes, rarity_of

NAMES = ("kind=Hair Care", "kind=Skin Care", "note=!!", "title=care", "title=hair")
MATRIX = sp.csr_matrix(np.array([[1, 0, 1, 1, 1], [0, 1, 0, 1, 0], [0, 1, 0, 1, 0]], np.float32))


@pytest.fixture
def spoken() -> SpokenAttributes:
    return SpokenAttributes.of(AttributeVocabulary.of(NAMES, title="title"), rarity=rarity_of(MATRIX))


def test_every_word_of_a_value_has_to_stand_in_the_text(spoken: SpokenAttributes) -> None:
    found = spoken.matrix(["Care for my HAIR", "care, care!", "skin"]).toarray()
    assert [np.flatnonzero(row).tolist() for row in found] == [[0, 3, 4], [3], []]


def test_shares_follow_rarity_and_sum_to_one(spoken: SpokenAttributes) -> None:
    row = spoken.matrix(["hair care"]).toarray()[0]
    rarity = np.log1p(3 / (np.array([1.0, 3.0, 1.0]) + 1.0))
    np.testing.assert_allclose(row[[0, 3, 4]], rarity / rarity.sum(), rtol=1e-6)


@pytest.mark.parametrize("text", ["", "  ", "שלום 🙂", "\ud800", "!!", "a" * 100_000])
def test_what_is_not_known_says_nothing(spoken: SpokenAttributes, text: str) -> None:
    assert spoken.matrix([text]).nnz == 0


def test_no_texts_and_no_attributes_are_no_trouble(spoken: SpokenAttributes) -> None:
    assert spoken.matrix([]).shape == (0, 5)
    empty = SpokenAttributes.of(AttributeVocabulary.of((), title=None), rarity=np.zeros(0, np.float32))
    assert empty.matrix(["hair"]).shape == (1, 0)
