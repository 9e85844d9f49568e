"""Sentiment: the classifier against scikit-learn, calibrated, saved, and what reviews add to a profile."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from leanrec.artifact import Manifest, save_artifact
from leanrec.data.description import ItemDescription
from leanrec.errors import ArtifactError, DataError
from leanrec.features.described_items import DescribedItems
from leanrec.features.histories import FloatArray
from leanrec.features.logistic import LogisticRegression
from leanrec.features.mentions import mentions
from leanrec.features.past import Past
from leanrec.features.profiles import ProfileBuilder, ProfileConfig
from leanrec.features.sentiment import SentimentModel
from leanrec.features.text_encoder import TextEncoder

GOOD = ("lovely", "soft", "perfect", "comfortable", "beautiful")
BAD = ("broken", "scratchy", "ugly", "returned", "cheap")
NEUTRAL = ("the", "dress", "with", "sleeves", "and", "colour")


@dataclass(frozen=True)
class HashedWords:
    """An encoder of words: each word has a place, a text is the mean."""

    width: int = 64
    seed: str = ""

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.width}{self.seed}".encode()).hexdigest()

    def encode(self, texts: Sequence[str]) -> FloatArray:
        vectors = np.zeros((len(texts), self.width), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, int(hashlib.md5((self.seed + word).encode(), usedforsecurity=False).hexdigest(), 16) % self.width] += 1.0
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    def save(self, folder: Path) -> None:
        save_artifact(folder, Manifest(kind="words"))


def reviews(count: int, *, seed: int, noise: float = 0.1) -> tuple[list[str], FloatArray]:
    rng = np.random.default_rng(seed)
    ratings = rng.choice([1.0, 2.0, 3.0, 4.0, 5.0], size=count).astype(np.float32)
    is_good = np.where(rng.random(count) < noise, ratings < 3, ratings > 3)
    words = [[*rng.choice(NEUTRAL, 6), *rng.choice(GOOD if good else BAD, 2)] for good in is_good]
    return [" ".join(rng.permutation(one)) for one in words], ratings


def model() -> SentimentModel:
    return SentimentModel.fit(HashedWords(), *reviews(600, seed=0), rng=np.random.default_rng(0))


def test_the_regression_is_that_of_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(200, 5))
    labels = vectors @ rng.normal(size=5) + rng.normal(size=200) > 0.3
    for strength in (0.1, 10.0):
        ours = LogisticRegression.fit(vectors, labels, strength=strength)
        theirs = linear.LogisticRegression(C=strength, tol=1e-10, max_iter=1000).fit(vectors, labels)
        np.testing.assert_allclose(ours.weights, theirs.coef_[0], atol=1e-4)
        np.testing.assert_allclose(ours.probabilities(vectors), theirs.predict_proba(vectors)[:, 1], atol=1e-4)


def test_one_point_at_each_side_has_the_solution_worked_by_hand() -> None:
    """At +1 and -1 the loss is 2 log(1 + e^-w) + w^2 / 2, whose slope is 0 where w = 2 / (1 + e^w)."""
    found = LogisticRegression.fit(np.array([[1.0], [-1.0]]), np.array([True, False]))
    weight = float(found.weights[0])
    assert weight == pytest.approx(2 / (1 + np.exp(weight)), abs=1e-5)
    assert found.intercept == pytest.approx(0.0, abs=1e-6)


def test_pleased_texts_are_told_from_displeased_ones() -> None:
    pleased, displeased = model().probabilities(["the lovely soft dress", "ugly and returned"])
    assert pleased > 0.8 and displeased < 0.2


def test_probabilities_are_calibrated_on_texts_that_were_not_seen() -> None:
    """A tenth of the training labels are turned: whoever is sure is right nine times out of ten, and says so."""
    texts, ratings = reviews(2000, seed=1)
    is_clear = ratings != 3
    found = model().probabilities([text for text, clear in zip(texts, is_clear, strict=True) if clear])
    is_sure = found > 0.8
    assert found[is_sure].mean() == pytest.approx((ratings[is_clear] > 3)[is_sure].mean(), abs=0.04)


def test_a_text_that_says_nothing_has_no_sentiment() -> None:
    assert np.isnan(model().sentiments(["", "  "])).all()


def test_three_stars_and_empty_texts_teach_nothing() -> None:
    texts, ratings = reviews(200, seed=2)
    extended = [*texts, "ugly broken", ""], np.append(ratings, [3.0, 5.0]).astype(np.float32)
    ours = SentimentModel.fit(HashedWords(), texts, ratings, rng=np.random.default_rng(0))
    theirs = SentimentModel.fit(HashedWords(), *extended, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(ours.regression.weights, theirs.regression.weights)


@pytest.mark.parametrize(
    ("texts", "ratings", "words"),
    [(["good"] * 20, [5.0] * 20, "too few"), (["good", "bad"], [5.0], "ratings"), (["ok"] * 9, [3.0] * 9, "too few")],
)
def test_examples_that_cannot_teach_are_refused(texts: list[str], ratings: list[float], words: str) -> None:
    with pytest.raises(DataError, match=words):
        SentimentModel.fit(HashedWords(), texts, np.array(ratings, np.float32), rng=np.random.default_rng(0))


def test_a_saved_model_answers_alike_and_refuses_another_encoder(tmp_path: Path) -> None:
    fitted = model()
    assert isinstance(fitted.encoder, TextEncoder)
    fitted.save(tmp_path / "sentiment")
    texts, _ = reviews(20, seed=4)
    loaded = SentimentModel.load(tmp_path / "sentiment", encoder=HashedWords())
    assert loaded.sentiments(texts).tobytes() == fitted.sentiments(texts).tobytes()
    with pytest.raises(ArtifactError, match="another encoder"):
        SentimentModel.load(tmp_path / "sentiment", encoder=HashedWords(seed="other"))


def test_mentions_are_whole_words_in_order_whatever_their_case() -> None:
    values = [("brand", "Red Cedar"), ("colour", "red"), ("size", "XL"), ("part", "sleeve")]
    found = mentions(["The RED cedar, lovely", "cedar red; sleeves XL", None], values).toarray()
    assert found.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]


def test_sentiment_goes_to_what_the_item_has_and_to_what_the_review_names() -> None:
    items = [ItemDescription(item_id=str(row), attributes={"brand": "Arbor" if row < 2 else "Brook"}) for row in range(4)]
    described = DescribedItems.of(items)
    builder = ProfileBuilder(
        items=described,
        base_rates=np.full(2, 0.5),
        grids=np.zeros((1, 101), np.float32),
        chosen=np.arange(2),
        scale=(1.0, 5.0),
        config=ProfileConfig(half_life_events=1e9),
    )
    texts = ["lovely and soft, better than Brook", "perfect beautiful"]
    past = Past(
        item_rows=np.array([0, 2]),
        weights=np.ones(2, np.float32),
        sentiments=np.array([1.0, 0.5], np.float32),
        mentions=mentions(texts, described.values),
    )
    profile = builder.of_history(past)
    arbor, brook = profile.taste("brand", "Arbor"), profile.taste("brand", "Brook")
    assert arbor is not None and arbor.sentiment == pytest.approx(1.0 / (1 + 2))
    assert brook is not None and brook.sentiment == pytest.approx((1.0 + 0.5) / (2 + 2))
    assert builder.of_history(past.followed_by(past.take(np.array([1])))).num_events == 3
