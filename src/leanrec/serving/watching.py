"""Watcher: looks for new model versions and swaps each in once it is read completely; a broken one is refused."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from leanrec.errors import LeanRecError
from leanrec.serving.library import ModelPlace, places
from leanrec.serving.models import ModelSet
from leanrec.serving.served_model import OpenedModel
from leanrec.serving.telemetry import Telemetry

log = logging.getLogger(__name__)


class Watcher:
    """Polls a few small files; reading a new version happens beside the answers, the swap is one reference."""

    def __init__(self, folders: Sequence[Path], *, models: ModelSet, telemetry: Telemetry, known: Sequence[ModelPlace], seconds: float) -> None:
        self._folders = folders
        self._models = models
        self._telemetry = telemetry
        self._seconds = seconds
        self._signatures = {place.name: place.signature for place in known}
        self._is_lost = False

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            for place in self._changed():
                await self._take(place)

    def _changed(self) -> list[ModelPlace]:
        try:
            found = places(self._folders)
        except (LeanRecError, OSError) as error:
            if not self._is_lost:
                log.warning("the models cannot be looked at; those that are loaded go on", extra={"fields": {"error": type(error).__name__}})
            self._is_lost = True
            return []
        self._is_lost = False
        return [place for place in found if self._signatures.get(place.name) != place.signature]

    async def _take(self, place: ModelPlace) -> None:
        self._signatures[place.name] = place.signature
        try:
            opened = await asyncio.to_thread(OpenedModel.open, place.folder, name=place.name)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a new version, the old one must go on answering
            fields = {"model": place.name, "version": place.folder.name, "error": type(error).__name__}
            log.error("a new version was refused; the old one goes on", extra={"fields": fields})
            self._telemetry.swapped(is_accepted=False)
            return
        if place.name in self._models.by_name and self._models.by_name[place.name].version == opened.version:
            return
        await self._models.swap(opened)
        self._telemetry.swapped(is_accepted=True)
        log.info("a new version answers", extra={"fields": {"model": opened.name, "version": opened.version}})
