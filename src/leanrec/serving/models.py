"""ModelSet: the models that answer, by name; one reference that is swapped as a whole."""

import asyncio
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from leanrec.errors import ConfigError, did_you_mean
from leanrec.serving.served_model import OpenedModel, ServedModel
from leanrec.serving.store import ItemOverlay, Store


class ModelSet:
    """All models; a request takes one reference and keeps it to its end, so a swap disturbs nobody."""

    def __init__(self, opened: Iterable[OpenedModel], *, store: Store) -> None:
        self._store = store
        overlays = store.items()
        served = [ServedModel(model, overlays) for model in opened]
        for model in served:
            model.grow_now()
        self.by_name: Mapping[str, ServedModel] = MappingProxyType({model.name: model for model in served})
        self._arriving: tuple[ServedModel, ...] = ()

    @property
    def default(self) -> ServedModel:
        """The first model."""
        return next(iter(self.by_name.values()))

    def get(self, name: str | None) -> ServedModel:
        """The model of that name, or the default; raises `ConfigError` for an unknown name."""
        if name is None:
            return self.default
        model = self.by_name.get(name)
        if model is None:
            raise ConfigError(f"model {name!r} is not loaded", hint=did_you_mean(name, self.by_name))
        return model

    async def swap(self, opened: OpenedModel) -> None:
        """Let a new version answer from now on, once it knows the items that came since it was made; called on the server's own thread."""
        served = ServedModel(opened, self._store.items())
        self._arriving = (*self._arriving, served)
        try:
            await served.grow()
        finally:
            self._arriving = tuple(model for model in self._arriving if model is not served)
        self.by_name = MappingProxyType({**self.by_name, opened.name: served})

    def put(self, overlay: ItemOverlay) -> None:
        """Show a change of an item in every model, those that are about to answer included."""
        for model in (*self.by_name.values(), *self._arriving):
            model.put(overlay)

    async def grow(self) -> None:
        """Let every model know the items that were put."""
        await asyncio.gather(*(model.grow() for model in self.by_name.values()))
