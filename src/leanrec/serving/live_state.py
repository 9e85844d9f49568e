"""LiveState: everything that routes share: models, store, pipeline, figures; opened together and closed together."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from leanrec.data.ids import UNKNOWN_ROW
from leanrec.data.profile import Correction
from leanrec.errors import DataError, UnknownIdError
from leanrec.serving.answering import Answering
from leanrec.serving.exposure import Exposure
from leanrec.serving.library import places
from leanrec.serving.logs import Mask
from leanrec.serving.messages import CorrectionsRequest, EventsRequest, EventsStored, FoundUser, History, Item, ItemChange, LinkRequest, ModelReport
from leanrec.serving.models import ModelSet
from leanrec.serving.pipeline import Pipeline, PipelineConfig
from leanrec.serving.profiling import require_correctable
from leanrec.serving.served_model import OpenedModel
from leanrec.serving.store import NOT_HISTORY, ItemOverlay, Store
from leanrec.serving.telemetry import Telemetry
from leanrec.serving.watching import Watcher

Result = TypeVar("Result")


class LiveState:
    """The live side without HTTP; methods that change something return once the change would survive a kill."""

    def __init__(self, folders: Sequence[Path], *, store: Store, pipeline: PipelineConfig, watch_seconds: float) -> None:
        found = places(folders)
        self.store = store
        self.telemetry = Telemetry()
        self.models = ModelSet([OpenedModel.open(place.folder, name=place.name) for place in found], store=store)
        self._exposure = Exposure()
        self.answering = Answering(models=self.models, store=store, pipeline=Pipeline(pipeline, exposure=self._exposure))
        self.mask = Mask(store.secret())
        self.is_draining = False
        self.watcher = Watcher(folders, models=self.models, telemetry=self.telemetry, known=found, seconds=watch_seconds)
        self._changing_items = asyncio.Lock()

    async def append(self, request: EventsRequest) -> EventsStored:
        """Store events; the next answer heeds them."""
        stored = await _done(self.store.append(request.events, now=time.time_ns() // 1000))
        self.telemetry.stored(accepted=stored.accepted, duplicates=stored.duplicates)
        if stored.accepted:
            catalogue = self.models.default.catalogue
            acts = (event.item_id for event in request.events if event.event not in NOT_HISTORY)
            self._exposure.acted(item_id for item_id in acts if catalogue.row(item_id) != UNKNOWN_ROW)
        return EventsStored(accepted=stored.accepted, duplicates=stored.duplicates)

    async def change_item(self, item_id: str, change: ItemChange) -> Item:
        """Change an item, or add a new one; one that was deleted comes back with nothing but what is said now."""
        async with self._changing_items:
            known = self.models.default.catalogue.overlay(item_id)
            if known.is_deleted:
                known = ItemOverlay(item_id=item_id)
            overlay = ItemOverlay(
                item_id=item_id,
                title=change.title if change.title is not None else known.title,
                attributes=change.attributes if change.attributes is not None else known.attributes,
                is_available=change.available if change.available is not None else known.is_available,
            )
            await self._put(overlay)
        await self.models.grow()
        return self.models.default.catalogue.item(item_id)

    async def delete_item(self, item_id: str) -> None:
        """Never answer an item again; raises `UnknownIdError`."""
        async with self._changing_items:
            self.models.default.catalogue.require(item_id)
            await self._put(ItemOverlay(item_id=item_id, is_available=False, is_deleted=True))

    async def forget(self, user_id: str) -> None:
        """Erase what is stored of a user, and use no model's memory of them again."""
        await _done(self.store.forget(user_id))

    async def correct(self, user_id: str, request: CorrectionsRequest) -> None:
        """Replace what a user says of their tastes; raises `DataError` for what could not take effect."""
        said = [Correction(attribute=one.attribute, value=one.value, verdict=one.verdict) for one in request.corrections]
        require_correctable(said, self.models.default.snapshot)
        await _done(self.store.put_corrections(user_id, said))

    async def take_back(self, user_id: str, attribute: str, value: str) -> None:
        """Forget what a user says of one value; raises `UnknownIdError` when they said nothing of it."""
        if not await _done(self.store.delete_correction(user_id, attribute, value)):
            raise UnknownIdError("the user has said nothing of this value", hint="GET /v1/users/{user_id}/profile lists the corrections")

    async def link(self, request: LinkRequest) -> None:
        """Make two ids one person; raises `DataError` where they cannot be one."""
        outcome = await _done(self.store.link(request.anonymous_id, request.user_id))
        if outcome != "linked":
            reason = (
                "is linked to another person" if outcome == "taken" else "would make one person of more ids than a person has: a device many share?"
            )
            raise DataError(f"the anonymous id {reason}", hint="DELETE /v1/users/{user_id} erases a person with all ids; a new visit gets a new id")

    def history(self, user_id: str, *, limit: int) -> History:
        """A user's past."""
        events, is_known = self.answering.past(user_id, limit=limit)
        return History(user_id=user_id, events=events, known=is_known)

    def users(self, search: str, *, limit: int) -> list[FoundUser]:
        """Users of the default model and of the store whose id contains the text; those with an exact match first."""
        snapshot = self.models.default.snapshot
        counts: dict[str, int] = {}
        if search in snapshot.users:
            counts[search] = 0
        for user_id in snapshot.users.ids:
            if len(counts) >= 2 * limit:
                break
            if search in user_id:
                counts[user_id] = 0
        for user_id in counts:
            place = snapshot.rows_of_user(snapshot.users.row(user_id))
            counts[user_id] = 0 if self.store.profile(user_id).is_forgotten else place.stop - place.start
        for user_id, num_events in self.store.users(search, limit=limit).items():
            counts[user_id] = counts.get(user_id, 0) + num_events
        found = [FoundUser(user_id=user_id, num_events=num_events) for user_id, num_events in counts.items() if num_events]
        return found[:limit]

    def reports(self) -> list[ModelReport]:
        """The models, the default first."""
        return [
            ModelReport(
                name=model.name,
                version=model.version,
                kind=model.opened.kind,
                is_default=model is self.models.default,
                num_items=len(model.snapshot.items),
                num_users=len(model.snapshot.users),
                created=model.opened.created,
            )
            for model in self.models.by_name.values()
        ]

    async def _put(self, overlay: ItemOverlay) -> None:
        await _done(self.store.put_item(overlay))
        self.models.put(overlay)


async def _done(future: "Future[Result]") -> Result:
    """Wait for a change; a caller who goes away does not call it back."""
    return await asyncio.shield(asyncio.wrap_future(future))
