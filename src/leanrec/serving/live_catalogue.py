"""LiveCatalogue: the items of a model as they are now, with everything that was changed, added or deleted since it was made."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from leanrec.data.description import ItemDescription
from leanrec.data.filters import Filter
from leanrec.data.ids import UNKNOWN_ROW, ItemId
from leanrec.data.snapshot import AttributeValue
from leanrec.errors import UnknownIdError
from leanrec.serving.item_index import ItemIndex, Mask, Rows, meets
from leanrec.serving.messages import FoundItem, FoundItems, Item
from leanrec.serving.store import ItemOverlay

Described = dict[str, float | str | list[str]]

MAX_CACHED_FILTERS = 64


class LiveCatalogue:
    """Rows 0..N-1 are the model's items; items that the model never saw follow in the order in which they came.

    Changes are applied on the server's own thread; an answer that is being made sees all of a change or nothing of it.
    """

    def __init__(self, index: ItemIndex, overlays: Iterable[ItemOverlay] = ()) -> None:
        self.index = index
        self.num_known = len(index)
        self._known_ids = index.snapshot.items
        self._new_ids: list[ItemId] = []
        self._new_row_of: dict[ItemId, int] = {}
        self._overlays: dict[int, ItemOverlay] = {}
        self._described: set[int] = set()
        self._closed_room: Mask = np.zeros(self.num_known, np.bool_)
        self._is_closed: Mask = self._closed_room
        self._filter_masks: OrderedDict[tuple[Filter, ...], Mask] = OrderedDict()
        self._descriptions: list[Described | None] = [None] * self.num_known
        for overlay in overlays:
            self.put(overlay)

    def __len__(self) -> int:
        return len(self._is_closed)

    @property
    def is_closed(self) -> Mask:
        """(N + new,) items that are deleted or not available; not to be written to."""
        return self._is_closed

    @property
    def deleted_rows(self) -> Rows:
        """Rows of the items that were deleted."""
        return np.array([row for row, overlay in self._overlays.items() if overlay.is_deleted], np.int64)

    @property
    def new_rows(self) -> Rows:
        """Rows of the items that the model never saw and that may be answered."""
        rows = np.arange(self.num_known, len(self))
        open_rows: Rows = rows[~self._is_closed[self.num_known :]]
        return open_rows

    def put(self, overlay: ItemOverlay) -> None:
        """Take in a change of a known item, or a new item."""
        row = self.row(overlay.item_id)
        if row == UNKNOWN_ROW:
            row = len(self)
            self._new_ids.append(overlay.item_id)
            self._new_row_of[overlay.item_id] = row
            self._make_room()
        before = self._overlays.get(row)
        self._overlays[row] = overlay
        self._is_closed[row] = overlay.is_deleted or not overlay.is_available
        if before is None or before.attributes != overlay.attributes:
            self._descriptions[row] = None
            self._filter_masks.clear()
        if overlay.attributes is not None or row >= self.num_known:
            self._described.add(row)
        else:
            self._described.discard(row)

    def overlay(self, item_id: ItemId) -> ItemOverlay:
        """What was changed of an item; an empty change for one that is as the model knows it."""
        return self._overlays.get(self.row(item_id), ItemOverlay(item_id=item_id))

    def row(self, item_id: ItemId) -> int:
        """The row of an item, or `UNKNOWN_ROW`."""
        row = int(self._known_ids.rows((item_id,))[0])
        return row if row != UNKNOWN_ROW else self._new_row_of.get(item_id, UNKNOWN_ROW)

    def rows(self, item_ids: Sequence[ItemId]) -> Rows:
        """Rows of the items that exist, in the given order."""
        rows = self._known_ids.rows(item_ids)
        if self._new_row_of:
            for place in np.flatnonzero(rows == UNKNOWN_ROW).tolist():
                rows[place] = self._new_row_of.get(item_ids[place], UNKNOWN_ROW)
        found: Rows = rows[rows != UNKNOWN_ROW]
        return found

    def require(self, item_id: ItemId) -> int:
        """The row of an item that exists and was not deleted; raises `UnknownIdError`."""
        row = self.row(item_id)
        changed = self._overlays.get(row)
        if row == UNKNOWN_ROW or (changed is not None and changed.is_deleted):
            raise UnknownIdError(f"item {item_id!r} is unknown", hint="search with GET /v1/items?search=, or add it with PUT /v1/items/{item_id}")
        return row

    def item_id(self, row: int) -> ItemId:
        """The id of a row."""
        return self._known_ids.ids[row] if row < self.num_known else self._new_ids[row - self.num_known]

    def title(self, row: int) -> str:
        """The title of a row, or its id where there is none."""
        changed = self._overlays.get(row)
        if changed is not None and changed.title is not None:
            return changed.title
        return self.index.snapshot.titles[row] if row < self.num_known else self.item_id(row)

    def title_of(self, item_id: ItemId) -> str:
        """The title of an item, or its id where nothing is known of it."""
        row = self.row(item_id)
        return item_id if row == UNKNOWN_ROW else self.title(row)

    def attributes(self, row: int) -> Described:
        """The attributes of a row that have a value."""
        found = self._descriptions[row]
        if found is None:
            found = self._describe(row)
            self._descriptions[row] = found
        return found

    def new_descriptions(self) -> list[ItemDescription]:
        """What is said of each item that the model never saw, in the order of rows."""
        return [self.description(row) for row in range(self.num_known, len(self))]

    def item(self, item_id: ItemId) -> Item:
        """What is known of an item; raises `UnknownIdError`."""
        row = self.require(item_id)
        return Item(item_id=item_id, title=self.title(row), attributes=self.attributes(row), available=not bool(self._is_closed[row]))

    def matching(self, filters: tuple[str, ...]) -> Mask:
        """(N + new,) the items that meet every condition; raises `ConfigError` and `DataError` as the catalogue does."""
        return self.meeting(tuple(Filter.parse(text) for text in filters))

    def meeting(self, conditions: tuple[Filter, ...]) -> Mask:
        """(N + new,) the same for conditions that were read already."""
        found = self._filter_masks.get(conditions)
        if found is None:
            found = np.ones(len(self), np.bool_)
            for condition in conditions:
                found[: self.num_known] &= self.index.matching(condition)
            for row in self._described:
                found[row] = all(meets(self._value(row, condition.column), condition) for condition in conditions)
            self._filter_masks[conditions] = found
            if len(self._filter_masks) > MAX_CACHED_FILTERS:
                self._filter_masks.popitem(last=False)
        return found

    def description(self, row: int) -> ItemDescription:
        """What an item says of itself now, for a recommender that can take it in."""
        title = self.title(row)
        return ItemDescription(item_id=self.item_id(row), title=title if title != self.item_id(row) else None, attributes=self.attributes(row))

    def category_vectors(self, rows: Rows) -> npt.NDArray[np.float32]:
        """(n, C) the categories of the rows; those of new items are what they say of themselves."""
        vectors = self.index.categories[np.minimum(rows, self.num_known - 1)]
        for place in np.flatnonzero(rows >= self.num_known).tolist():
            name = self.index.snapshot.category
            vectors[place] = self.index.category_vector(self._value(int(rows[place]), name) if name is not None else None)
        return vectors

    def search(self, text: str, *, limit: int, offset: int) -> FoundItems:
        """Items whose title contains the text, deleted ones left out: the model's by popularity, then new ones."""
        rows = self.index.titles_with(text)
        if self._overlays:
            wanted = text.casefold()
            changed = [row for row, overlay in self._overlays.items() if not overlay.is_deleted and wanted in self.title(row).casefold()]
            rows = np.concatenate([rows[~np.isin(rows, list(self._overlays))], np.array(changed, np.int64)])
            popularity = np.pad(self.index.popularity, (0, len(self) - self.num_known))
            rows = rows[np.argsort(-popularity[rows], kind="stable")]
        page = rows[offset : offset + limit].tolist()
        return FoundItems(items=[self.found(row) for row in page], total=len(rows))

    def _make_room(self) -> None:
        """One more row; room is made for many at a time, so that a thousand new items do not copy a thousand times."""
        size = len(self._is_closed)
        if size == len(self._closed_room):
            self._closed_room = np.concatenate([self._closed_room, np.zeros(max(64, size // 8), np.bool_)])
        self._is_closed = self._closed_room[: size + 1]
        self._descriptions.append(None)

    def found(self, row: int, *, score: float | None = None) -> FoundItem:
        """A row as a search shows it."""
        item_id, title, attributes = self.item_id(row), self.title(row), self.attributes(row)
        return FoundItem(item_id=item_id, title=title, attributes=attributes, popularity=self._popularity(row), score=score)

    def _popularity(self, row: int) -> float:
        return round(float(self.index.popularity[row]), 6) if row < self.num_known else 0.0

    def _value(self, row: int, name: str) -> AttributeValue:
        changed = self._overlays.get(row)
        if changed is not None and changed.attributes is not None:
            return changed.attributes.get(name)
        attribute = self.index.snapshot.attributes.get(name)
        return attribute.values[row] if attribute is not None and row < self.num_known else None

    def _describe(self, row: int) -> Described:
        changed = self._overlays.get(row)
        if changed is not None and changed.attributes is not None:
            return dict(changed.attributes)
        if row >= self.num_known:
            return {}
        values = {name: attribute.values[row] for name, attribute in self.index.snapshot.attributes.items()}
        return {name: value for name, value in values.items() if value is not None}
