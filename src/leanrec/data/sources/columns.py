"""ColumnMapping: which column of a stranger's table is the user, the item, the event, the time and the value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pydantic import field_validator

from leanrec.config import Config
from leanrec.data.events import EVENT_WEIGHTS
from leanrec.errors import DataError, did_you_mean

EVENT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        **{kind: kind for kind in EVENT_WEIGHTS},
        **dict.fromkeys(("impressions", "show", "shown", "exposure", "exposed", "display", "displayed", "recommended"), "impression"),
        **dict.fromkeys(("pv", "pageview", "page_view", "views", "viewed", "visit", "browse", "detail", "view_item", "productview"), "view"),
        **dict.fromkeys(("read", "open", "opened", "detail_view", "product_view", "itempage", "浏览", "ansicht", "angesehen"), "view"),
        **dict.fromkeys(("clicks", "clicked", "clk", "tap", "select", "select_item", "clickout", "click_out", "点击", "klick"), "click"),
        **dict.fromkeys(("rating", "rated", "review", "reviewed", "ratings", "评分", "bewertung"), "rate"),
        **dict.fromkeys(("play", "played", "listen", "listened", "stream", "watched", "skip_free_play", "播放", "plays"), "watch"),
        **dict.fromkeys(
            ("fav", "favorite", "favorited", "favourited", "wishlist", "add_to_wishlist", "bookmark", "save", "saved", "收藏", "merken"), "favourite"
        ),
        **dict.fromkeys(("likes", "liked", "upvote", "thumbs_up", "heart", "share", "shared", "点赞", "gefällt"), "like"),
        **dict.fromkeys(("following", "subscribe", "subscribed", "关注"), "follow"),
        **dict.fromkeys(("addtocart", "add_to_cart", "add-to-cart", "basket", "add_to_basket", "cart_add", "加购", "warenkorb"), "cart"),
        **dict.fromkeys(("transaction", "transactions", "purchase", "purchased", "bought", "order", "ordered", "sale", "sold", "checkout"), "buy"),
        **dict.fromkeys(("booking", "booked", "conversion", "begin_checkout", "购买", "下单", "kauf", "gekauft", "bestellung"), "buy"),
    }
)
"""Words that event columns use, in lower case, and our kind for each."""

ROLES = ("user", "item", "event", "timestamp", "value", "session", "review")
Role = Literal["user", "item", "event", "timestamp", "value", "session", "review"]


class ColumnMapping(Config):
    """Which columns hold what; `None` means that the table has no such column."""

    user: str | None = None
    """Column of the user's id."""
    item: str | None = None
    """Column of the item's id."""
    timestamp: str | None = None
    """Column of the time: seconds, milliseconds, a date or ISO 8601 text."""
    event: str | None = None
    """Column that says what was done (view, cart, buy, ...)."""
    value: str | None = None
    """Column of a figure: a rating, a quantity, seconds watched."""
    session: str | None = None
    """Column of the session's id."""
    review: str | None = None
    """Column of what people wrote of the item; kept only when it is stated, since texts are large."""
    kind: str | None = None
    """What every row is where no event column says it: view, buy, rate, ...; left out, it is found from the value column."""
    time: Literal["auto", "order", "none"] = "auto"
    """auto: clock times; order: only the order is true (of the time column, else of the rows); none: there is no time."""
    event_words: dict[str, str] = {}  # noqa: RUF012  # pydantic copies the default
    """Foreign words of the event column and our kind for each: {"basket" = "cart"}."""
    attributes: tuple[str, ...] | None = None
    """Columns that describe the item and go to the catalogue; left out, they are found."""
    delimiter: str | None = None
    """What parts the columns of a text file; left out, it is found."""
    has_header: bool | None = None
    """Whether the first line names the columns; left out, it is found."""

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str | None) -> str | None:
        if kind is not None and kind not in EVENT_WEIGHTS:
            raise ValueError(f"no event kind; {did_you_mean(kind, EVENT_WEIGHTS)}")
        return kind

    @field_validator("event_words")
    @classmethod
    def _known_kinds(cls, words: dict[str, str]) -> dict[str, str]:
        for kind in words.values():
            if kind not in EVENT_WEIGHTS:
                raise ValueError(f"{kind!r} is no event kind; {did_you_mean(kind, EVENT_WEIGHTS)}")
        return words

    @property
    def stated(self) -> dict[str, str]:
        """Role -> column, for the roles that have one."""
        return {role: column for role in ROLES if (column := getattr(self, role)) is not None}

    @property
    def words(self) -> dict[str, str]:
        """Every known event word in lower case, the stated ones first."""
        return {**EVENT_WORDS, **{word.strip().lower(): kind for word, kind in self.event_words.items()}}

    def require_columns(self, columns: Iterable[str], *, place: str) -> None:
        """Raise `DataError` when a stated column is not there, naming the nearest one."""
        known = list(columns)
        for role, column in self.stated.items():
            if column not in known:
                raise DataError(
                    f"{place} has no column {column!r} (for the {role})",
                    hint=f"{did_you_mean(column, known)}; state it with --set columns.{role}=NAME",
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class MappingGuess:
    """A mapping that was guessed, with the reason for each column, to be shown before it is used."""

    mapping: ColumnMapping
    place: str
    columns: tuple[str, ...]
    reasons: Mapping[str, str]
    """Role -> why this column."""
    attributes: tuple[str, ...] = ()
    """Columns that describe the item and become its catalogue."""

    @property
    def unused(self) -> tuple[str, ...]:
        """Columns that are left aside."""
        used = {*self.mapping.stated.values(), *self.attributes}
        return tuple(column for column in self.columns if column not in used)

    def rows(self) -> list[tuple[str, str, str]]:
        """Role, column and reason of each decision, for a table."""
        found = [(role, column, self.reasons.get(role, "stated")) for role, column in self.mapping.stated.items()]
        extras = [("kind", str(self.mapping.kind), self.reasons["kind"])] if "kind" in self.reasons else []
        extras += [("time", self.mapping.time, self.reasons["time"])] if "time" in self.reasons else []
        catalogue = [("catalogue", ", ".join(self.attributes), "one value for each item")] if self.attributes else []
        return [*found, *extras, *catalogue]

    def describe(self) -> str:
        """Lines for people: what each column was taken for, why, and how to change it."""
        rows = self.rows()
        width = max(len(role) for role, _, _ in rows)
        place = max(len(column) for _, column, _ in rows)
        lines = [f"{self.place}: columns taken as"]
        lines += [f"  {role:<{width}} = {column:<{place}}  ({reason})" for role, column, reason in rows]
        if self.unused:
            lines.append(f"  not used: {', '.join(self.unused)}")
        lines.append("  change with --set columns.item=NAME, or [columns] in the TOML file")
        return "\n".join(lines)
