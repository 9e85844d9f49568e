"""ModelSet: the models that answer, by name; one reference that is swapped as a whole."""

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
        self.by_name: Mapping[str, ServedModel] = MappingProxyType({model.name: ServedModel(model, overlays) for model in opened})

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

    def swap(self, opened: OpenedModel) -> None:
        """Let a new version answer from now on; called on the server's own thread."""
        served = ServedModel(opened, self._store.items())
        self.by_name = MappingProxyType({**self.by_name, opened.name: served})

    def put(self, overlay: ItemOverlay) -> None:
        """Show a change of an item in every model."""
        for model in self.by_name.values():
            model.catalogue.put(overlay)
