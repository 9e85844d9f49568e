"""Profiling: the profile of whoever asks, from the model's past, the live events and what they said themselves."""

import threading
import time
from collections.abc import Sequence

import numpy as np

from leanrec.data.events import EVENT_WEIGHTS
from leanrec.data.ids import UNKNOWN_ROW, ItemId, UserId
from leanrec.data.profile import Correction, UserProfile
from leanrec.data.snapshot import Snapshot
from leanrec.errors import DataError, did_you_mean
from leanrec.features.past import NO_ROWS, Past
from leanrec.features.profiles import ProfileBuilder
from leanrec.serving.live_catalogue import LiveCatalogue
from leanrec.serving.messages import FeedbackEvent
from leanrec.serving.store import NOT_HISTORY, Profile, Store

READ_EVENTS = 1000
"""Newest live events that a profile counts."""
_CODES = {kind: code for code, kind in enumerate(EVENT_WEIGHTS)}


class ModelProfiles:
    """The builder of profiles of one model; made when it is first asked for, which takes a moment."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._making = threading.Lock()
        self._builder: ProfileBuilder | None = None

    def builder(self, catalogue: LiveCatalogue) -> ProfileBuilder:
        """The builder with the items that came since the model was made, as they are now; known items are as the model knew them."""
        with self._making:
            if self._builder is None:
                self._builder = ProfileBuilder.of_snapshot(self._snapshot)
            known = self._builder
        return known.with_items(catalogue.new_descriptions()) if len(catalogue) > len(known.items) else known

    def past(self, ids: Sequence[UserId]) -> Past:
        """What a person did before the model was made, under all their ids."""
        past = Past.of_session(NO_ROWS)
        for row in self._snapshot.users.rows(ids).tolist():
            if row != UNKNOWN_ROW:
                past = past.followed_by(Past.of_user(self._snapshot, row))
        return past


def profile_of(
    user_id: UserId | None, *, profiles: ModelProfiles, catalogue: LiveCatalogue, store: Store, known: Profile, session: Sequence[ItemId] = ()
) -> UserProfile:
    """The profile as of now; `session` holds items of the request, `known` what the store says of the user."""
    ids = [] if user_id is None else own_ids(user_id, known)
    events = store.history(user_id, limit=READ_EVENTS) if user_id is not None else []
    now = time.time_ns() // 1000
    past = profiles.past(ids).followed_by(_live(events, catalogue)).followed_by(Past.of_session(catalogue.rows(session), now=now))
    if past.newest is not None:
        now = max(now, past.newest)  # clocks of other machines may run ahead
    return profiles.builder(catalogue).of_history(past, now=now, user_id=user_id, corrections=known.corrections)


def own_ids(user_id: UserId, known: Profile) -> list[UserId]:
    """The ids of a person whose past in models may be used."""
    return ([] if known.is_forgotten else [user_id]) + list(known.linked)


def require_correctable(corrections: Sequence[Correction], snapshot: Snapshot) -> None:
    """Raise `DataError` for an attribute that no item has or that holds figures: what is said of it could not take effect."""
    words = [name for name, attribute in snapshot.attributes.items() if attribute.kind != "number"]
    for correction in corrections:
        if correction.attribute not in words:
            raise DataError(f"items have no attribute {correction.attribute!r} that holds words", hint=did_you_mean(correction.attribute, words))


def _live(events: Sequence[FeedbackEvent], catalogue: LiveCatalogue) -> Past:
    """Acts on items that exist, oldest first."""
    acts = [(catalogue.row(event.item_id), event) for event in reversed(events) if event.event not in NOT_HISTORY]
    acts = [(row, event) for row, event in acts if row != UNKNOWN_ROW]
    return Past.of_acts(
        np.array([row for row, _ in acts], np.int64),
        kinds=np.array([_CODES[event.event] for _, event in acts], np.int64),
        values=np.array([np.nan if event.value is None else event.value for _, event in acts], np.float32),
        times=np.array([event.timestamp for _, event in acts], np.int64),
    )
