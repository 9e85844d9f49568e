"""ServedModel: a model folder opened for answering, with its items as they are now; loads neither torch nor the data set."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from leanrec.artifact import MANIFEST_FILE, Artifact
from leanrec.data.events import EVENT_WEIGHTS
from leanrec.data.ids import UNKNOWN_ROW, UserId
from leanrec.data.snapshot import Snapshot
from leanrec.errors import ArtifactError
from leanrec.recommenders.building import opener
from leanrec.recommenders.model import RECOMMENDER_FOLDER, SNAPSHOT_FOLDER
from leanrec.recommenders.protocol import CatalogueScores, GivesInfluences, GivesReasons, Recommender, SimilarItems
from leanrec.serving.item_index import ItemIndex
from leanrec.serving.live_catalogue import LiveCatalogue
from leanrec.serving.messages import PastEvent
from leanrec.serving.store import ItemOverlay

_EVENT_KINDS = tuple(EVENT_WEIGHTS)

NO_ROWS: npt.NDArray[np.int64] = np.zeros(0, np.int64)


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedModel:
    """What a folder holds, read and checked; made in the background while another version answers."""

    name: str
    version: str
    kind: str
    created: str
    recommender: Recommender
    index: ItemIndex

    @classmethod
    def open(cls, folder: Path, *, name: str) -> "OpenedModel":
        """Read a folder that `leanrec fit` wrote; raises `ArtifactError` when any part of it is missing or harmed."""
        artifact = Artifact.open(Path(folder), kind="model")
        kind = artifact.manifest.config.get("recommender")
        if not isinstance(kind, str) or not (artifact.folder / SNAPSHOT_FOLDER).is_dir():
            raise ArtifactError(f"{folder} lacks what a server needs", hint="fit the model again with this leanrec")
        snapshot = Snapshot.load(artifact.folder / SNAPSHOT_FOLDER)
        modified = (artifact.folder / MANIFEST_FILE).stat().st_mtime
        return cls(
            name=name,
            version=artifact.manifest.fingerprint[:12],
            kind=kind,
            created=datetime.fromtimestamp(modified, UTC).isoformat(timespec="seconds"),
            recommender=opener(kind).load(artifact.folder / RECOMMENDER_FOLDER),
            index=ItemIndex(snapshot),
        )


class ServedModel:
    """An opened model and its live catalogue; what the recommender can do is asked once, here."""

    def __init__(self, opened: OpenedModel, overlays: Iterable[ItemOverlay] = ()) -> None:
        self.opened = opened
        self.name = opened.name
        self.version = opened.version
        self.recommender = opened.recommender
        self.snapshot = opened.index.snapshot
        self.catalogue = LiveCatalogue(opened.index, overlays)
        recommender = opened.recommender
        self.scorer: CatalogueScores | None = recommender if isinstance(recommender, CatalogueScores) else None
        self.influencer: GivesInfluences | None = recommender if isinstance(recommender, GivesInfluences) else None
        self.reasoner: GivesReasons | None = recommender if isinstance(recommender, GivesReasons) else None
        self.comparer: SimilarItems | None = recommender if isinstance(recommender, SimilarItems) else None
        self.heeds_history = bool(getattr(recommender, "is_collaborative", True))

    def knows(self, user_id: UserId) -> bool:
        """Whether the model was made with events of the user."""
        return user_id in self.snapshot.users

    def past_rows(self, user_id: UserId) -> npt.NDArray[np.int64]:
        """(H,) item rows that the user acted on before the model was made, oldest first; empty for a stranger."""
        user_row = int(self.snapshot.users.rows((user_id,))[0])
        if user_row == UNKNOWN_ROW:
            return NO_ROWS
        return self.snapshot.item_rows[self.snapshot.rows_of_user(user_row)].astype(np.int64)

    def past_events(self, user_id: UserId, *, limit: int) -> list[PastEvent]:
        """What the user did before the model was made, newest first."""
        places = self.snapshot.rows_of_user(self.snapshot.users.row(user_id))
        newest = range(places.stop - 1, max(places.start, places.stop - max(0, limit)) - 1, -1)
        return [self._past_event(place) for place in newest]

    def _past_event(self, place: int) -> PastEvent:
        row, value = int(self.snapshot.item_rows[place]), float(self.snapshot.values[place])
        return PastEvent(
            item_id=self.catalogue.item_id(row),
            title=self.catalogue.title(row),
            event=_EVENT_KINDS[int(self.snapshot.events[place])],
            timestamp=int(self.snapshot.timestamps[place]),
            value=None if np.isnan(value) else value,
        )
