"""Model: a fitted recommender together with the data it answers from; one folder, ready to be asked or served."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from leanrec.artifact import Artifact, Manifest, save_into, writing_folder
from leanrec.data.dataset import Dataset
from leanrec.data.ids import ItemId, UserId
from leanrec.data.profile import UserProfile
from leanrec.data.query import Query
from leanrec.data.snapshot import Snapshot
from leanrec.errors import ArtifactError
from leanrec.features.histories import Histories
from leanrec.features.past import NO_ROWS, Past
from leanrec.features.profiles import ProfileBuilder
from leanrec.recommenders.building import opener
from leanrec.recommenders.protocol import ReadsProfile, Recommender

RECOMMENDER_FOLDER = "recommender"
DATASET_FOLDER = "dataset"
SNAPSHOT_FOLDER = "snapshot"
"""What the server opens instead of the data set, without Polars."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A recommender, the histories of the users it knows, and the catalogue that names and describes its items."""

    recommender: Recommender
    dataset: Dataset
    name: str
    """The registered name of the recommender."""
    proof: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON, as the proof wrote it
    """The report by which the recommender was chosen; empty when it was named by hand."""
    includes_repeats: bool = False
    """Whether users were declared to come back for the same item, so that known items may be recommended."""

    def knows(self, user_id: UserId | None) -> bool:
        """Whether the user has a history here."""
        return user_id is not None and user_id in self.dataset.users

    def history(self, user_id: UserId) -> tuple[ItemId, ...]:
        """The items that the user acted on, oldest first; raises `UnknownIdError` for a user never seen."""
        ids = self.dataset.items.ids
        return tuple(ids[row] for row in self._histories.of(self.dataset.users.row(user_id)).tolist())

    def query(
        self,
        user_id: UserId | None = None,
        *,
        history: Sequence[ItemId] | None = None,
        filters: Sequence[str] = (),
        exclude: Sequence[ItemId] = (),
    ) -> Query:
        """A question for a user, known or not: `history` adds to what is on record, filters become candidates."""
        recorded = self.history(user_id) if user_id is not None and self.knows(user_id) else ()
        reads_profile = isinstance(self.recommender, ReadsProfile) and self.recommender.reads_profile
        return Query(
            user_id=user_id,
            history=(*recorded, *(history or ())),
            attributes=self.dataset.user_descriptions([self.dataset.users.row(user_id)])[0] if user_id is not None and self.knows(user_id) else {},
            profile=self.profile(user_id, history=history or ()) if reads_profile else None,
            candidates=tuple(self.dataset.catalogue.matching(filters)) if filters else None,
            exclude=tuple(exclude),
        )

    def profile(self, user_id: UserId | None = None, *, history: Sequence[ItemId] = ()) -> UserProfile:
        """What the history on record says of a user's tastes, as of its newest event; `history` adds items of a session to it."""
        snapshot = self._snapshot
        past = Past.of_user(snapshot, snapshot.users.row(user_id)) if user_id is not None and self.knows(user_id) else Past.of_session(NO_ROWS)
        session = Past.of_session(snapshot.items.known_rows(tuple(history)), now=past.newest)
        return self._profiles.of_history(past.followed_by(session), user_id=user_id)

    def save(self, folder: Path | str) -> None:
        """Write recommender, data set and proof as one artifact; complete or not at all."""
        with writing_folder(Path(folder)) as draft:
            self.recommender.save(draft / RECOMMENDER_FOLDER)
            self.dataset.save(draft / DATASET_FOLDER)
            self._snapshot.save(draft / SNAPSHOT_FOLDER)
            config = {"recommender": self.name, "proof": dict(self.proof), "includes_repeats": self.includes_repeats}
            save_into(draft, Manifest(kind="model", config=config, parents=(self.dataset.fingerprint,)))

    @classmethod
    def load(cls, folder: Path | str) -> "Model":
        """The model that `save` wrote; raises `ArtifactError` when any part of it was harmed."""
        artifact = Artifact.open(Path(folder), kind="model")
        name = artifact.manifest.config.get("recommender")
        if not isinstance(name, str):
            raise ArtifactError(f"{folder} does not say which recommender it holds", hint="fit the model again")
        recommender = opener(name).load(artifact.folder / RECOMMENDER_FOLDER)
        dataset = Dataset.load(artifact.folder / DATASET_FOLDER)
        config = artifact.manifest.config
        return cls(
            recommender=recommender,
            dataset=dataset,
            name=name,
            proof=config.get("proof", {}),
            includes_repeats=bool(config.get("includes_repeats", False)),
        )

    @cached_property
    def _snapshot(self) -> Snapshot:
        return Snapshot.of(self.dataset)

    @cached_property
    def _profiles(self) -> ProfileBuilder:
        return ProfileBuilder.of_snapshot(self._snapshot)

    @cached_property
    def _histories(self) -> Histories:
        return Histories.of_dataset(self.dataset)
