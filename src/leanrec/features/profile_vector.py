"""The vector of a profile: a fixed number of features with names, for towers and rankers."""

import numpy as np

from leanrec.data.profile import Rhythm, Taste, UserProfile
from leanrec.features.histories import FloatArray
from leanrec.features.profiles import ProfileBuilder

MAX_STRENGTH = 4.0
"""Sixteen times as often as people in general, or a sixteenth: the ends of the scale."""
_TIMES = ("days_since", "days_known", "gap_days")
_RHYTHM = ("day_sine", "day_cosine", "weekend_share")


def profile_feature_names(builder: ProfileBuilder) -> tuple[str, ...]:
    """(W,) what each place of `profile_features` holds."""
    values = [f"{builder.items.values[column][0]}={builder.items.values[column][1]}" for column in builder.chosen.tolist()]
    return (
        "log_events",
        *(f"taste of {value}" for value in values),
        *(f"sentiment towards {value}" for value in values),
        *(f"position of {name}" for name in builder.items.figure_names),
        "has_times",
        *(f"log_{name}" for name in _TIMES),
        *_RHYTHM,
    )


def profile_features(builder: ProfileBuilder, profile: UserProfile) -> FloatArray:
    """(W,) float32, each about -1 to 1 but for logarithms; what a profile does not say is 0.

    A taste is its strength (of at most 4 in log2) over 4, times how sure it is: 2 |confidence - 1/2|.
    """
    tastes = {(taste.attribute, taste.value): taste for taste in profile.tastes}
    known = [tastes.get(builder.items.values[column]) for column in builder.chosen.tolist()]
    bands = {band.attribute: band for band in profile.bands}
    positions = [2.0 * bands[name].position - 1.0 if name in bands else 0.0 for name in builder.items.figure_names]
    return np.array(
        [
            np.log1p(profile.num_events),
            *(0.0 if taste is None else _taste(taste) for taste in known),
            *(0.0 if taste is None else taste.sentiment or 0.0 for taste in known),
            *positions,
            *_times(profile),
            *_rhythm(profile.rhythm),
        ],
        np.float32,
    )


def _taste(taste: Taste) -> float:
    sureness = 2.0 * abs(taste.confidence - 0.5)
    return float(np.clip(taste.strength / MAX_STRENGTH, -1.0, 1.0)) * sureness


def _times(profile: UserProfile) -> list[float]:
    recency = profile.recency
    if recency is None:
        return [0.0] * (1 + len(_TIMES))
    days = (max(0.0, recency.days_since), recency.days_known, recency.gap_days[1])
    return [1.0, *np.log1p(days).tolist()]


def _rhythm(rhythm: Rhythm | None) -> list[float]:
    """The direction of the mean hour on the clock, and the share of Saturdays and Sundays."""
    if rhythm is None:
        return [0.0] * len(_RHYTHM)
    angles = 2.0 * np.pi * np.arange(len(rhythm.hours)) / 24.0
    hours = np.array(rhythm.hours)
    return [float(hours @ np.sin(angles)), float(hours @ np.cos(angles)), float(sum(rhythm.weekdays[5:]))]
