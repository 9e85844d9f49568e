"""ServedModel: a model folder opened for answering, with its items as they are now; loads neither torch nor the data set."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from leanrec.artifact import MANIFEST_FILE, Artifact
from leanrec.data.description import ItemDescription
from leanrec.data.events import EVENT_WEIGHTS
from leanrec.data.ids import UNKNOWN_ROW, UserId
from leanrec.data.query import Query
from leanrec.data.snapshot import Snapshot
from leanrec.errors import ArtifactError
from leanrec.features.wishes import WishReader
from leanrec.features.word_weights import WordWeights
from leanrec.recommenders.building import opener
from leanrec.recommenders.cold_start import ColdStart
from leanrec.recommenders.content import Content
from leanrec.recommenders.model import RECOMMENDER_FOLDER, SNAPSHOT_FOLDER
from leanrec.recommenders.protocol import (
    AddsItems,
    CatalogueRecommender,
    CatalogueScores,
    GivesInfluences,
    GivesReasons,
    RanksByReading,
    ReadsProfile,
    ReadsText,
    Recommender,
    SimilarItems,
)
from leanrec.serving.item_index import ItemIndex
from leanrec.serving.live_catalogue import LiveCatalogue
from leanrec.serving.messages import PastEvent
from leanrec.serving.profiling import ModelProfiles
from leanrec.serving.store import ItemOverlay

log = logging.getLogger(__name__)

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
    reader: WishReader
    """Of what people ask for in words; it learns the values of items that come later."""
    words: WordWeights
    """Of titles and attributes: what finds items by words where the recommender reads none."""
    profiles: ModelProfiles

    @classmethod
    def open(cls, folder: Path, *, name: str) -> "OpenedModel":
        """Read a folder that `leanrec fit` wrote; raises `ArtifactError` when any part of it is missing or harmed."""
        artifact = Artifact.open(Path(folder), kind="model")
        kind = artifact.manifest.config.get("recommender")
        if not isinstance(kind, str) or not (artifact.folder / SNAPSHOT_FOLDER).is_dir():
            raise ArtifactError(f"{folder} lacks what a server needs", hint="fit the model again with this leanrec")
        modified = (artifact.folder / MANIFEST_FILE).stat().st_mtime
        return cls.of(
            opener(kind).load(artifact.folder / RECOMMENDER_FOLDER),
            snapshot=Snapshot.load(artifact.folder / SNAPSHOT_FOLDER),
            name=name,
            version=artifact.manifest.fingerprint[:12],
            kind=kind,
            created=datetime.fromtimestamp(modified, UTC).isoformat(timespec="seconds"),
        )

    @classmethod
    def of(cls, recommender: Recommender, *, snapshot: Snapshot, name: str, kind: str, version: str = "", created: str = "") -> "OpenedModel":
        """A recommender and what is served of its data, made ready."""
        index = ItemIndex(snapshot)
        catalogue = LiveCatalogue(index)
        return cls(
            name=name,
            version=version,
            kind=kind,
            created=created,
            recommender=recommender,
            index=index,
            reader=WishReader(snapshot.attributes),
            words=WordWeights.of([catalogue.description(row) for row in range(catalogue.num_known)]),
            profiles=ModelProfiles(snapshot),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Growth:
    """Items that a recommender has still to take in."""

    start: Recommender
    items: Sequence[ItemDescription]
    num_scored: int
    """Rows that it scores afterwards."""

    def done(self) -> Recommender:
        """The grown recommender; may take a while, and may run beside the answers."""
        assert isinstance(self.start, AddsItems), "only such a recommender has items to take in"  # noqa: S101 - only our own bug could break it
        return self.start.with_items(self.items)


class ServedModel:
    """An opened model and its live catalogue; what the recommender can do is asked once, whenever it has grown.

    Items that came later are scored too, by the recommender where it keeps `AddsItems` and else by content beside it, unless the catalogue
    says nothing: their row in the recommender is their row in the catalogue. Of a recommender that ranks by reading, its retriever answers
    here, and its reading is a stage of its own.
    """

    def __init__(self, opened: OpenedModel, overlays: Iterable[ItemOverlay] = ()) -> None:
        self.opened = opened
        self.name = opened.name
        self.version = opened.version
        self.snapshot = opened.index.snapshot
        self.catalogue = LiveCatalogue(opened.index)
        self._words = opened.words
        self._is_stale = self._has_stale_words = False
        self._growing = asyncio.Lock()
        recommender = opened.recommender
        self._first_reader = recommender if isinstance(recommender, RanksByReading) else None
        self._first = self._first_reader.retriever if self._first_reader is not None else recommender
        self.source = opened.kind if self._first_reader is None else str(getattr(self._first, "name", opened.kind))
        """Who finds candidates, by name."""
        self._use(self._first, num_scored=self.catalogue.num_known)
        for overlay in overlays:
            self.put(overlay)

    def put(self, overlay: ItemOverlay) -> None:
        """Take in a change of an item, or a new item; `grow` then lets the recommender know it."""
        catalogue = self.catalogue
        row = catalogue.row(overlay.item_id)
        before = catalogue.description(row) if row >= catalogue.num_known else None
        catalogue.put(overlay)
        row = catalogue.row(overlay.item_id)
        if row >= catalogue.num_known and catalogue.description(row) != before:
            self._is_stale |= row < self.num_scored
            self._has_stale_words = True
        if overlay.attributes:
            self.opened.reader.learn(overlay.attributes)

    def growth(self) -> Growth | None:
        """What the recommender has still to take in; `None` where there is nothing, or it takes none in."""
        catalogue = self.catalogue
        if (len(catalogue) == self.num_scored and not self._is_stale) or self._growing_from is None:
            return None
        is_first = self._is_stale or self.num_scored == catalogue.num_known
        start, first = (self._growing_from, catalogue.num_known) if is_first else (self.recommender, self.num_scored)
        self._is_stale = False
        return Growth(start=start, items=[catalogue.description(row) for row in range(first, len(catalogue))], num_scored=len(catalogue))

    def grow_now(self) -> None:
        """Let the recommender know every item before anything is answered."""
        growth = self.growth()
        if growth is not None:
            self._take(growth, _grown(growth))

    async def grow(self) -> None:
        """Let the recommender know every item that was put so far; others are answered meanwhile, and puts that wait share one growth."""
        async with self._growing:
            growth = self.growth()
            if growth is not None:
                self._take(growth, await asyncio.to_thread(_grown, growth))

    def words(self) -> WordWeights:
        """BM25 over titles and attributes on the rows of the catalogue, new items by the words that the others have."""
        if self._has_stale_words:
            self._words = self.opened.words.with_items(self.catalogue.new_descriptions())
            self._has_stale_words = False
        return self._words

    def readable(self, query: Query) -> Query:
        """The query without its text where the recommender reads none."""
        return query if self.reads_text or query.text is None else replace(query, text=None)

    def is_cold(self, query: Query) -> bool:
        """Whether the recommender knows nothing of who asks."""
        ask = getattr(self.recommender, "is_cold", None)
        return bool(ask(query)) if ask is not None else not (query.history or query.text)

    def knows(self, user_id: UserId) -> bool:
        """Whether the model was made with events of the user."""
        return user_id in self.snapshot.users

    def past_rows(self, user_id: UserId) -> npt.NDArray[np.int64]:
        """(H,) item rows that the user acted on before the model was made, oldest first; empty for a stranger."""
        user_row = int(self.snapshot.users.rows((user_id,))[0])
        if user_row == UNKNOWN_ROW:
            return NO_ROWS
        return self.snapshot.item_rows[self.snapshot.rows_of_user(user_row)].astype(np.int64)

    @cached_property
    def _growing_from(self) -> Recommender | None:
        """What takes in new items: the recommender, or content beside it where it knows ids only; `None` where neither can."""
        recommender = self._first
        if isinstance(recommender, AddsItems) and recommender.adds_items:
            return recommender
        heeds_history = bool(getattr(recommender, "is_collaborative", True))
        if not heeds_history or not isinstance(recommender, CatalogueRecommender) or not self.opened.words.weights.nnz:
            return None
        return ColdStart.around(recommender, Content.of_words(self.opened.words, items=recommender.items), reads_text=False)

    def past_events(self, user_id: UserId, *, limit: int) -> list[PastEvent]:
        """What the user did before the model was made, newest first."""
        places = self.snapshot.rows_of_user(self.snapshot.users.row(user_id))
        newest = range(places.stop - 1, max(places.start, places.stop - max(0, limit)) - 1, -1)
        return [self._past_event(place) for place in newest]

    def _use(self, recommender: Recommender, *, num_scored: int) -> None:
        """Answer with this recommender from now on."""
        self.recommender = recommender
        self.num_scored = num_scored
        """Rows 0..num_scored-1 of the catalogue are the rows of the recommender."""
        self.reader: RanksByReading | None = self._reader_of(num_scored)
        """Who reads of the candidates that the recommender finds, if anybody."""
        self.scorer: CatalogueScores | None = recommender if isinstance(recommender, CatalogueScores) else None
        self.influencer: GivesInfluences | None = recommender if isinstance(recommender, GivesInfluences) else None
        self.reasoner: GivesReasons | None = recommender if isinstance(recommender, GivesReasons) else None
        self.comparer: SimilarItems | None = recommender if isinstance(recommender, SimilarItems) else None
        self.heeds_history = bool(getattr(recommender, "is_collaborative", True))
        self.reads_text = isinstance(recommender, ReadsText) and recommender.reads_text
        self.reads_profile = isinstance(recommender, ReadsProfile) and recommender.reads_profile

    def _reader_of(self, num_rows: int) -> RanksByReading | None:
        """The reader, knowing items up to that row of the catalogue."""
        if self._first_reader is None or num_rows == self.catalogue.num_known:
            return self._first_reader
        return self._first_reader.knowing([self.catalogue.description(row) for row in range(self.catalogue.num_known, num_rows)])

    def _take(self, growth: Growth, grown: Recommender | None) -> None:
        """Answer with a grown recommender; go on with the old one where it could not grow, and try again with the next item."""
        if grown is not None and (not isinstance(grown, CatalogueScores) or len(grown.items) == growth.num_scored):
            self._use(grown, num_scored=growth.num_scored)
            return
        self._is_stale = growth.start is self._first and self.num_scored > self.catalogue.num_known
        log.error("new items were not taken in", extra={"fields": {"model": self.name, "items": len(growth.items)}})

    def _past_event(self, place: int) -> PastEvent:
        row, value = int(self.snapshot.item_rows[place]), float(self.snapshot.values[place])
        return PastEvent(
            item_id=self.catalogue.item_id(row),
            title=self.catalogue.title(row),
            event=_EVENT_KINDS[int(self.snapshot.events[place])],
            timestamp=int(self.snapshot.timestamps[place]),
            value=None if np.isnan(value) else value,
        )


def _grown(growth: Growth) -> Recommender | None:
    """The grown recommender; `None` where it failed."""
    try:
        return growth.done()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a new item, the recommender goes on without it
        log.error("a recommender could not take in new items", extra={"fields": {"error": type(error).__name__}})
        return None
