"""Profile users of a fitted model: what their histories say of their tastes."""

import time
from collections.abc import Sequence
from pathlib import Path

from leanrec.artifact import Artifact
from leanrec.data.ids import UserId
from leanrec.data.profile import UserProfile
from leanrec.data.snapshot import Snapshot
from leanrec.features.past import Past
from leanrec.features.profiles import ProfileBuilder
from leanrec.recommenders.model import SNAPSHOT_FOLDER


def profiles(model: Path | str, users: Sequence[UserId], *, now: int | None = None) -> list[UserProfile]:
    """The profile of each user as of `now` (microseconds since 1970 UTC; `None`: this moment), from the folder of a model.

    Raises `UnknownIdError` for a user that the model was made without, and `DataError` for events after `now`.
    """
    folder = Artifact.open(Path(model), kind="model").folder
    snapshot = Snapshot.load(folder / SNAPSHOT_FOLDER)
    rows = [snapshot.users.row(user_id) for user_id in users]
    builder, moment = ProfileBuilder.of_snapshot(snapshot), time.time_ns() // 1000 if now is None else now
    return [builder.of_history(Past.of_user(snapshot, row), now=moment, user_id=user_id) for row, user_id in zip(rows, users, strict=True)]
