"""TrainingQuestions: what besides the history was known at each event of a log, and what somebody could have said who wanted its item."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from leanrec.data.acts import is_act
from leanrec.data.dataset import Dataset
from leanrec.data.query import Query
from leanrec.data.snapshot import Snapshot
from leanrec.errors import ConfigError
from leanrec.features.event_rates import EventTransform
from leanrec.features.histories import FloatArray, Rows, event_weights
from leanrec.features.item_attributes import ItemAttributes
from leanrec.features.past import Past
from leanrec.features.profiles import ProfileBuilder
from leanrec.features.spoken_attributes import SpokenAttributes
from leanrec.features.tabular import TabularConfig, TabularFeatures
from leanrec.features.tabular_dataset import places_of, questions_of
from leanrec.features.tabular_proposals import propose
from leanrec.features.tabular_table import Situation, Table
from leanrec.recommenders.query_tower import profile_rows


@dataclass(frozen=True, kw_only=True)
class EventFeatures:
    """Features of the user and the context at each event of the histories, and of a question of which neither is known."""

    features: TabularFeatures
    dense: FloatArray
    """(E + 1, W), the last row of the unknown."""
    codes: Rows
    """(E + 1, C)"""

    @classmethod
    def of(cls, train: Dataset, config: TabularConfig | None) -> "EventFeatures | None":
        """By the declared features, or by what suits the columns of the users and the clock; `None` where there are none."""
        acts = np.flatnonzero(event_weights(train) > 0)  # as histories have them
        table = questions_of(
            train,
            user_rows=train.column("user_row")[acts],
            item_rows=train.column("item_row")[acts],
            times=train.column("timestamp")[acts],
            places=[place for place in places_of(train) if place[0] == "user"],
        )
        config = _checked(config) if config is not None else propose(table).config
        if not config.features:
            return None
        features = TabularFeatures.fit(config, table)
        known = features.transform(table)
        unknown = features.transform(Table.of_situations([Situation()], config.places))
        return cls(features=features, dense=np.concatenate([known.dense, unknown.dense]), codes=np.concatenate([known.codes, unknown.codes]))


@dataclass(frozen=True, kw_only=True)
class EventProfiles:
    """Profiles as of the moment before an event, of each user's newest events."""

    builder: ProfileBuilder
    rows: Rows
    """(E,) the row of `features` for each event of the histories; the last one, all zeros, where none was computed."""
    features: FloatArray
    """(n + 1, P + 1)"""

    @classmethod
    def of(cls, train: Dataset, *, newest: int) -> "EventProfiles":
        """Of the `newest` events of each user that has any before them; each sees strictly earlier events."""
        snapshot = Snapshot.of(train)
        builder = ProfileBuilder.of_snapshot(snapshot)
        rows = np.full(len(snapshot.item_rows), -1, np.int64)
        queries: list[Query] = []
        for user_row in range(len(snapshot.users)):
            events = snapshot.rows_of_user(user_row)
            past = Past.of_user(snapshot, user_row)
            for place in range(max(1, len(past) - newest), len(past)):
                earlier = np.arange(place) if past.times is None else np.flatnonzero(past.times[:place] < past.times[place])
                if len(earlier):
                    now = None if past.times is None else int(past.times[place])
                    rows[events.start + place] = len(queries)
                    queries.append(Query(profile=builder.of_history(past.take(earlier), now=now)))
        in_histories = event_weights(train)[is_act(train)] > 0
        return cls(builder=builder, rows=rows[in_histories], features=profile_rows(builder, [*queries, Query()]))


def sayings(known: ItemAttributes, spoken: SpokenAttributes, *, title: str | None, rows: Rows) -> sp.csr_matrix:
    """(n, A) what somebody would speak of who names an item by its attributes, its title left out unless it has nothing else."""
    return spoken.matrix(said_of(known, title=title, rows=rows))


def said_of(known: ItemAttributes, *, title: str | None, rows: Rows) -> list[str]:
    """Each item's attributes in words, without its title unless there is nothing else."""
    values = [name.partition("=")[2] for name in known.names]
    is_title = np.array([title is not None and name.startswith(f"{title}=") for name in known.names], np.bool_)
    texts = []
    for row in rows.tolist():
        columns = known.matrix.indices[known.matrix.indptr[row] : known.matrix.indptr[row + 1]]
        chosen = columns[~is_title[columns]] if not is_title[columns].all() else columns
        texts.append(" . ".join(values[column] for column in chosen.tolist()))
    return texts


def batch_of_rows(matrix: sp.csr_matrix, rows: Rows) -> tuple[Rows, Rows, FloatArray]:
    """(offsets (M + 1,), columns, shares) of the chosen rows of a sparse matrix."""
    chosen = matrix[rows]
    return chosen.indptr.astype(np.int64), chosen.indices.astype(np.int64), chosen.data


def _checked(config: TabularConfig) -> TabularConfig:
    """Features of users and contexts alone: those of items are the item tower's, and counts of events are not kept here."""
    for feature in config.features:
        what = "events" if isinstance(feature, EventTransform) else "items"
        if what == "events" or any(source == "item" for source, _ in feature.places):
            raise ConfigError(
                f"feature {feature.name!r} is of {what}; the tower of users reads users and contexts",
                hint='declare features with source = "user" or "context", times of day or of week',
            )
    return config
