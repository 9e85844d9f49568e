"""User profiles: JSON there and back, and corrections that go before what was counted."""

import json

import pytest

from leanrec.data.profile import Band, Correction, Recency, Rhythm, Taste, UserProfile
from leanrec.errors import DataError


def taste(value: str, *, low: float, strength: float = 0.5, attribute: str = "genre") -> Taste:
    return Taste(
        attribute=attribute, value=value, share=0.5, base_rate=0.25, strength=strength, confidence=0.9, low=low, high=0.8, support=3, sentiment=0.5
    )


PROFILE = UserProfile(
    user_id="ann",
    num_events=4,
    tastes=(taste("Comedy", low=0.4), taste("Drama", low=0.3), taste("Arbor", low=0.2, attribute="brand")),
    sources=("brand",),
    bands=(Band(attribute="price", low=1.0, median=2.0, high=3.0, position=0.5, support=4),),
    rhythm=Rhythm(hours=(1.0,) + (0.0,) * 23, weekdays=(0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0)),
    recency=Recency(days_since=1.0, days_known=2.0, gap_days=(0.5, 1.0, 1.5)),
)


@pytest.mark.parametrize("profile", [PROFILE, UserProfile(), PROFILE.corrected([Correction(attribute="genre", value="Drama", verdict="dislike")])])
def test_a_profile_survives_json(profile: UserProfile) -> None:
    assert UserProfile.from_dict(json.loads(json.dumps(profile.to_dict()))) == profile


@pytest.mark.parametrize("change", [{"version": 99}, {"version": None}, {"tastes": [{"attribute": "genre"}]}])
def test_a_profile_that_cannot_be_read_is_an_error(change: dict[str, object]) -> None:
    with pytest.raises(DataError, match="profile"):
        UserProfile.from_dict({**PROFILE.to_dict(), **change})


def test_a_stated_like_goes_first_and_a_dislike_last_whatever_was_counted() -> None:
    found = PROFILE.corrected(
        [Correction(attribute="genre", value="Drama", verdict="like"), Correction(attribute="genre", value="Comedy", verdict="dislike")]
    )
    assert [one.value for one in found.tastes] == ["Drama", "Arbor", "Comedy"]
    drama, comedy = found.taste("genre", "Drama"), found.taste("genre", "Comedy")
    assert drama is not None and (drama.strength, drama.confidence, drama.stated) == (1.0, 1.0, "like")
    assert comedy is not None and (comedy.strength, comedy.confidence, comedy.stated) == (-1.0, 0.0, "dislike")
    assert comedy.share == 0.5, "what was counted stays visible"


def test_not_me_takes_a_taste_out_and_stays_on_record() -> None:
    correction = Correction(attribute="genre", value="Comedy", verdict="not-me")
    found = PROFILE.corrected([correction])
    assert found.taste("genre", "Comedy") is None
    assert found.corrections == (correction,)


def test_the_later_word_on_a_value_counts() -> None:
    first, later = (Correction(attribute="genre", value="Opera", verdict=verdict) for verdict in ("like", "dislike"))
    found = PROFILE.corrected([first]).corrected([later])
    assert found.corrections == (later,)
    opera = found.taste("genre", "Opera")
    assert opera is not None and opera.strength == -1.0 and opera.support == 0


def test_favourite_sources_are_the_tastes_above_average_of_source_attributes() -> None:
    assert [one.value for one in PROFILE.favourite_sources] == ["Arbor"]


@pytest.mark.parametrize("wrong", [{"verdict": "hate"}, {"value": ""}, {"attribute": ""}])
def test_a_correction_that_says_nothing_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(DataError):
        Correction(**{"attribute": "genre", "value": "Drama", "verdict": "like", **wrong})  # type: ignore[arg-type]  # wrong on purpose
