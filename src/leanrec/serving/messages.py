"""Messages: what goes over the wire, with its bounds; the OpenAPI document is made from these types."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from leanrec.data.profile import Verdict

MAX_BODY_BYTES = 1 << 20
MAX_ENTRIES = 1000
MAX_CANDIDATES = 10_000
MAX_CHARACTERS = 512
MAX_TEXT_CHARACTERS = 2000
MAX_K = 500

Id = Annotated[str, Meta(min_length=1, max_length=MAX_CHARACTERS)]
Text = Annotated[str, Meta(max_length=MAX_TEXT_CHARACTERS)]
Word = Annotated[str, Meta(min_length=1, max_length=MAX_CHARACTERS)]
Items = Annotated[list[Id], Meta(max_length=MAX_ENTRIES)]
Candidates = Annotated[list[Id], Meta(max_length=MAX_CANDIDATES)]
Number = Annotated[float, Meta(ge=-1e15, le=1e15)]
Microseconds = Annotated[int, Meta(ge=0, le=2**53)]
AttributeValue = Number | Text | Annotated[list[Text], Meta(max_length=100)]
Attributes = Annotated[dict[Word, AttributeValue], Meta(max_length=50)]
EventKind = Literal["view", "click", "like", "hide", "buy", "cart", "rate", "favourite", "follow", "watch", "impression"]


class RecommendRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks, what they did and say, and which items may be answered.

    `text` is what the user looks for in their own words, `attributes` is what is known of the user, and `not_meant` takes back filters and
    wishes (`genre=Jazz`) that an earlier answer understood in the same text.
    """

    user_id: Id | None = None
    history: Items = []
    candidates: Candidates | None = None
    filters: Annotated[list[Word], Meta(max_length=50)] = []
    exclude: Items = []
    available: Candidates | None = None
    k: Annotated[int, Meta(ge=1, le=MAX_K)] = 10
    text: Text | None = None
    not_meant: Annotated[list[Text], Meta(max_length=50)] = []
    attributes: Attributes = {}
    context: Annotated[dict[Word, Text], Meta(max_length=50)] = {}
    model: Id | None = None
    explain: bool = True
    include_seen: bool = False
    ephemeral: bool = False


class RecommendedItem(Struct, frozen=True):
    """One item of an answer, with the recommender that put it there and why."""

    item_id: str
    title: str
    score: float
    source: str
    reason: str
    attributes: dict[str, float | str | list[str]]


class StageReport(Struct, frozen=True):
    """What one stage of the pipeline did."""

    name: str
    ms: float
    num_in: int = field(name="in")
    num_out: int = field(name="out")
    note: str = ""


class UnderstoodWish(Struct, frozen=True):
    """A value of an attribute that the text mentions: items that have it come first."""

    attribute: str
    value: str
    words: str


class Understood(Struct, frozen=True):
    """What was understood of a text: conditions that items meet, wishes, and the words that are left.

    `relaxed` are conditions that would have left nothing to answer and were dropped. `source` says who read what is left: a recommender by
    its name, `words` where titles and attributes hold these words, or nobody, when it is empty.
    """

    text: str
    filters: list[str]
    wishes: list[UnderstoodWish]
    relaxed: list[str]
    left: str
    source: str


class Recommended(Struct, frozen=True):
    """The answer to one question; `cold` when nothing was known of who asks, `understood` when they said something."""

    items: list[RecommendedItem]
    user_id: str | None
    cold: bool
    model: str
    model_version: str
    request_id: str
    timings_ms: dict[str, float]
    stages: list[StageReport]
    understood: Understood | None = None


class FeedbackEvent(Struct, frozen=True, forbid_unknown_fields=True):
    """One act of a user; `event_id` makes sending it again harmless."""

    event_id: Id
    user_id: Id
    item_id: Id
    event: EventKind
    timestamp: Microseconds | None = None
    value: Number | None = None
    request_id: Id | None = None


class EventsRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A batch of events, stored as one."""

    events: Annotated[list[FeedbackEvent], Meta(min_length=1, max_length=MAX_ENTRIES)]


class EventsStored(Struct, frozen=True):
    """How many of a batch were new, and how many had been stored before."""

    accepted: int
    duplicates: int


class Item(Struct, frozen=True):
    """What is known of an item now."""

    item_id: str
    title: str
    attributes: dict[str, float | str | list[str]]
    available: bool


class ItemChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What to change of an item, or to say of a new one; what is left out stays as it is."""

    title: Text | None = None
    attributes: Attributes | None = None
    available: bool | None = None


class FoundItem(Struct, frozen=True):
    """An item that a search found."""

    item_id: str
    title: str
    attributes: dict[str, float | str | list[str]]
    popularity: float
    score: float | None = None


class FoundItems(Struct, frozen=True):
    """One page of a search: by title the most popular first, by likeness to words the nearest first."""

    items: list[FoundItem]
    total: int
    understood: Understood | None = None


class SimilarItem(Struct, frozen=True):
    """An item and how near it is."""

    item_id: str
    title: str
    score: float
    source: str
    attributes: dict[str, float | str | list[str]]


class SimilarItems(Struct, frozen=True):
    """The items most like one item, nearest first."""

    item_id: str
    items: list[SimilarItem]
    model: str
    model_version: str


class FoundUser(Struct, frozen=True):
    """A user and how much is known of them."""

    user_id: str
    num_events: int


class FoundUsers(Struct, frozen=True):
    """Users whose id contains what was searched."""

    users: list[FoundUser]


class PastEvent(Struct, frozen=True):
    """An event of a user's past."""

    item_id: str
    title: str
    event: str
    timestamp: int | None
    value: float | None


class History(Struct, frozen=True):
    """A user's past, newest first; `known` is false for a user never seen."""

    user_id: str
    events: list[PastEvent]
    known: bool


class CorrectionMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """What a person says of one value of an attribute."""

    attribute: Word
    value: Word
    verdict: Verdict


class CorrectionsRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """All that a person says of their tastes; of two words on one value the later one counts."""

    corrections: Annotated[list[CorrectionMessage], Meta(max_length=MAX_ENTRIES)]


class LinkRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Two ids that are one person: of a visit without a name, and of whoever it turned out to be."""

    anonymous_id: Id
    user_id: Id


class ModelReport(Struct, frozen=True):
    """A model that answers."""

    name: str
    version: str
    kind: str
    is_default: bool
    num_items: int
    num_users: int
    created: str


class ModelReports(Struct, frozen=True):
    """The models that answer, the default first."""

    models: list[ModelReport]


class Health(Struct, frozen=True):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Readiness(Struct, frozen=True):
    """The models that are ready to answer, by name, with their versions."""

    status: Literal["ready"]
    models: dict[str, str]


class Problem(Struct, frozen=True):
    """An error as RFC 9457 has it, with a hint at the next step."""

    type: str
    title: str
    status: int
    detail: str
    hint: str
    instance: str
    request_id: str
