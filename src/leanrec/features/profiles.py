"""ProfileBuilder: from what somebody did, and when, to their profile; one code for training, the command line and the server."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.special
from pydantic import Field

from leanrec.artifact import Artifact, Manifest, save_artifact
from leanrec.config import Config
from leanrec.data.description import ItemDescription
from leanrec.data.ids import Rows, UserId
from leanrec.data.profile import Band, Correction, Recency, Rhythm, Taste, UserProfile, ordered
from leanrec.data.snapshot import Snapshot
from leanrec.errors import DataError
from leanrec.features.described_items import DescribedItems
from leanrec.features.fading import MICROSECONDS_PER_DAY
from leanrec.features.histories import FloatArray
from leanrec.features.past import RATE, Past

SOURCE_WORDS = (
    *("brand", "seller", "vendor", "store", "shop", "merchant", "author", "artist", "channel", "publisher", "creator", "director"),
    *("studio", "label", "manufacturer", "marke", "hersteller", "verkäufer", "autor", "品牌", "店铺", "作者"),
)
"""An attribute whose name holds one of these words says where an item comes from."""
MAX_TASTES = 200
"""Values with the largest shares that a profile lists."""
PRIOR_OPINIONS = 2.0
"""Sentiment towards a value is pulled to 0 as by so many indifferent events."""
AVOIDED = 0.025
"""A value that the history lacks is listed when a higher confidence than this is ruled out."""
STARS = (1.0, 5.0)
"""The scale where nobody has rated yet."""
GRID = np.linspace(0.0, 1.0, 101)
HOUR = 3_600_000_000

Doubles = npt.NDArray[np.float64]


class ProfileConfig(Config):
    """How a history becomes a profile."""

    half_life_days: float = Field(default=180.0, gt=0)
    """After this long an event counts half, where clock times are known."""
    half_life_events: float = Field(default=50.0, gt=0)
    """After so many later events it does, where they are not."""
    prior_events: float = Field(default=5.0, gt=0)
    """Everybody's shares count as so many events: what one event says is doubted, what twenty say is believed."""
    num_values: int = Field(default=64, ge=0)
    """Attribute values, the most chosen first, that the vector of features has a place for."""


@dataclass(frozen=True, kw_only=True)
class ProfileBuilder:
    """Items on rows, what people in general choose, and the way from a history to a profile."""

    items: DescribedItems
    base_rates: Doubles
    """(A,) share of each value among everybody's acts on items that say anything of its attribute; each item counts as one act more."""
    grids: FloatArray
    """(M, 101) percentiles of each figure over the items."""
    chosen: Rows
    """(K,) columns of the most chosen values: the places of the vector."""
    scale: tuple[float, float]
    """The lowest and the highest rating that anybody gave: -1 and 1 as a sentiment."""
    config: ProfileConfig

    @classmethod
    def of_snapshot(cls, snapshot: Snapshot, config: ProfileConfig | None = None) -> "ProfileBuilder":
        """From the items and acts that a model was made with; offline `Snapshot.of(dataset)` gives the same."""
        config = config or ProfileConfig()
        items = DescribedItems.of(snapshot.descriptions())
        acts = snapshot.counts.astype(np.float64) + 1.0
        chosen_of = np.asarray(items.has.T @ acts, np.float64)
        spoken_of = np.maximum(items.says.T @ acts, 1.0)[items.attribute_of]
        ratings = snapshot.values[(snapshot.events == RATE) & np.isfinite(snapshot.values)]
        return cls(
            items=items,
            scale=(float(ratings.min()), float(ratings.max())) if len(ratings) else STARS,
            base_rates=np.clip(chosen_of / spoken_of, 1e-6, 1.0 - 1e-6),
            grids=_grids(items.figures),
            chosen=np.argsort(-chosen_of, kind="stable")[: config.num_values].astype(np.int64),
            config=config,
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """Attributes that say where an item comes from."""
        return tuple(name for name in self.items.attributes if any(word in name.lower() for word in SOURCE_WORDS))

    def with_items(self, items: Sequence[ItemDescription]) -> "ProfileBuilder":
        """The same with new items on the rows after its own; rates and percentiles stay as they were fitted."""
        return replace(self, items=self.items.with_items(items))

    def of_history(self, past: Past, *, now: int | None = None, user_id: UserId | None = None, corrections: Sequence[Correction] = ()) -> UserProfile:
        """The profile as of `now` (microseconds; `None`: the moment of the newest event), from the events given and no others.

        Raises `DataError` for an event after `now`, which would let the future in, and for a row that no item has.
        """
        if len(past) and int(past.item_rows.max()) >= len(self.items):
            raise DataError(f"item row {int(past.item_rows.max())} is none of {len(self.items)} items", hint="add new items with with_items")
        if past.times is not None and now is not None and len(past) and int(past.times.max()) > now:
            raise DataError(f"an event of {int(past.times.max())} lies after the moment of the question, {now}", hint="give earlier events only")
        weights = self._weights(past)
        profile = UserProfile(
            user_id=user_id,
            num_events=len(past),
            tastes=self._tastes(past, weights),
            sources=self.sources,
            bands=self._bands(past, weights),
            rhythm=_rhythm(past.times),
            recency=_recency(past.times, now),
        )
        return profile.corrected(corrections) if corrections else profile

    def save(self, folder: Path) -> None:
        """Write an artifact; complete or not at all."""
        names = {"values": [list(value) for value in self.items.values], "figures": list(self.items.figure_names)}
        arrays = {**self.items.to_arrays(), "base_rates": self.base_rates, "grids": self.grids, "chosen": self.chosen}
        save_artifact(
            Path(folder), Manifest(kind="profiles", config={**names, "settings": self.config.model_dump(), "scale": list(self.scale)}), arrays
        )

    @classmethod
    def load(cls, folder: Path) -> "ProfileBuilder":
        """The builder that `save` wrote; raises `ArtifactError` when it was harmed."""
        artifact = Artifact.open(Path(folder), kind="profiles")
        arrays, config = artifact.arrays, artifact.manifest.config
        return cls(
            items=DescribedItems.from_arrays(arrays, values=config["values"], figure_names=config["figures"]),
            base_rates=arrays["base_rates"],
            grids=arrays["grids"],
            chosen=arrays["chosen"],
            scale=(config["scale"][0], config["scale"][1]),
            config=ProfileConfig.parse(config["settings"]),
        )

    def _weights(self, past: Past) -> Doubles:
        """(H,) what is left of each event."""
        if past.times is not None and len(past):
            ages = (past.times.max() - past.times) / (MICROSECONDS_PER_DAY * self.config.half_life_days)
        else:
            ages = np.arange(len(past), 0, -1) / self.config.half_life_events
        left: Doubles = past.weights * 0.5**ages
        return left

    def _tastes(self, past: Past, weights: Doubles) -> tuple[Taste, ...]:
        has, says, attribute_of = self.items.has[past.item_rows], self.items.says[past.item_rows], self.items.attribute_of
        spoken = np.maximum(says.T @ weights, 1e-12)
        shares = np.asarray(has.T @ weights) / spoken[attribute_of]
        effective = (spoken**2 / np.maximum(says.T @ weights**2, 1e-24))[attribute_of]  # Kish: how many equal events say as much
        alpha = self.config.prior_events * self.base_rates + effective * shares
        beta = self.config.prior_events * (1.0 - self.base_rates) + effective * np.maximum(1.0 - shares, 0.0)
        confidence = 1.0 - scipy.special.betainc(alpha, beta, self.base_rates)
        support = np.asarray(has.sum(axis=0)).ravel().astype(np.int64)
        listed = _listed(shares, support, confidence, effective * self.base_rates)
        alpha, beta = alpha[listed], beta[listed]
        low, high = scipy.special.betaincinv(alpha, beta, 0.025), scipy.special.betaincinv(alpha, beta, 0.975)
        strengths = np.log2(alpha / (alpha + beta) / self.base_rates[listed])
        sentiments = self._sentiments(past, weights)
        return ordered(
            Taste(
                attribute=self.items.values[column][0],
                value=self.items.values[column][1],
                share=float(shares[column]),
                base_rate=float(self.base_rates[column]),
                strength=float(strengths[place]),
                confidence=float(confidence[column]),
                low=float(low[place]),
                high=float(high[place]),
                support=int(support[column]),
                sentiment=None if np.isnan(sentiments[column]) else float(sentiments[column]),
            )
            for place, column in enumerate(listed.tolist())
        )

    def _sentiments(self, past: Past, weights: Doubles) -> Doubles:
        """(A,) mean sentiment of events whose item has a value or whose review names it, pulled to 0; not a number where none says any."""
        sentiments = self._event_sentiments(past)
        known = ~np.isnan(sentiments)
        if not known.any():
            return np.full(len(self.items.values), np.nan)
        has, left = self.items.has[past.item_rows[known]], weights[known] / weights[known].max()
        if past.mentions is not None:
            has = has.maximum(past.mentions[known])
        said = np.asarray(has.T @ left)
        pleased = np.asarray(has.T @ (left * sentiments[known]))
        found: Doubles = np.where(said > 0, pleased / (said + PRIOR_OPINIONS), np.nan)
        return found

    def _event_sentiments(self, past: Past) -> FloatArray:
        """(H,) what a model read in the reviews, else what the ratings say, else not a number."""
        low, high = self.scale
        ratings = past.ratings if past.ratings is not None else np.full(len(past), np.nan, np.float32)
        rated = np.clip(2.0 * (ratings - low) / (high - low) - 1.0, -1.0, 1.0) if high > low else np.full(len(past), np.nan)
        found: FloatArray = rated.astype(np.float32)
        return found if past.sentiments is None else np.where(np.isnan(past.sentiments), found, past.sentiments)

    def _bands(self, past: Past, weights: Doubles) -> tuple[Band, ...]:
        found = []
        for column, name in enumerate(self.items.figure_names):
            figures = self.items.figures[past.item_rows, column].astype(np.float64)
            is_known = ~np.isnan(figures)
            if is_known.any():
                low, median, high = np.quantile(figures[is_known], [0.1, 0.5, 0.9], weights=weights[is_known], method="inverted_cdf")
                grid = self.grids[column]
                place = (np.searchsorted(grid, median, "left") + np.searchsorted(grid, median, "right") - 1) / 2 / (len(grid) - 1)
                found.append(
                    Band(
                        attribute=name,
                        low=float(low),
                        median=float(median),
                        high=float(high),
                        position=float(np.clip(place, 0.0, 1.0)),
                        support=int(is_known.sum()),
                    )
                )
        return tuple(found)


def _listed(shares: Doubles, support: Rows, confidence: Doubles, expected: Doubles) -> Rows:
    """Columns of the values that a profile names: those with the largest shares, and those that are surely avoided."""
    largest = np.argsort(-shares, kind="stable")[:MAX_TASTES]
    avoided = np.flatnonzero((support == 0) & (confidence < AVOIDED) & (expected >= 1.0))
    return np.concatenate([largest[support[largest] > 0], avoided[:MAX_TASTES]])


def _grids(figures: FloatArray) -> FloatArray:
    """(M, 101) percentiles; zeros where no item has the figure."""
    grids = np.zeros((figures.shape[1], len(GRID)), np.float32)
    for column in range(figures.shape[1]):
        known = figures[:, column][~np.isnan(figures[:, column])]
        if len(known):
            grids[column] = np.quantile(known, GRID)
    return grids


def _rhythm(times: Rows | None) -> Rhythm | None:
    """Shares of hours and weekdays; no hours where every event lies on midnight, since then only days are known."""
    if times is None or len(times) == 0:
        return None
    has_hours = bool((times % MICROSECONDS_PER_DAY != 0).any())
    hours = np.bincount(times // HOUR % 24, minlength=24) / len(times)
    weekdays = np.bincount((times // MICROSECONDS_PER_DAY + 3) % 7, minlength=7) / len(times)  # 1 January 1970 was a Thursday
    return Rhythm(hours=tuple(hours.tolist()) if has_hours else (), weekdays=tuple(weekdays.tolist()))


def _recency(times: Rows | None, now: int | None) -> Recency | None:
    if times is None or len(times) == 0:
        return None
    ordered_times = np.sort(times)
    gaps = np.diff(ordered_times) / MICROSECONDS_PER_DAY
    quartiles = np.quantile(gaps, [0.25, 0.5, 0.75]) if len(gaps) else np.zeros(3)
    newest = int(ordered_times[-1])
    return Recency(
        days_since=float(((newest if now is None else now) - newest) / MICROSECONDS_PER_DAY),
        days_known=float((newest - int(ordered_times[0])) / MICROSECONDS_PER_DAY),
        gap_days=(float(quartiles[0]), float(quartiles[1]), float(quartiles[2])),
    )
