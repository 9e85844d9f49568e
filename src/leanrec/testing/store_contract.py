"""The contract suite of stores: durable before the future is done, each event once, forgetting for good."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from leanrec.data.profile import Correction
from leanrec.serving.messages import FeedbackEvent
from leanrec.serving.store import Appended, ItemOverlay, Profile, Store
from leanrec.testing.expecting import require

NOW = 1_700_000_000_000_000
_LIKE = Correction(attribute="genre", value="Comedy", verdict="like")
_NOT_ME = Correction(attribute="genre", value="Horror", verdict="not-me")


def check_store(open_store: Callable[[], Store]) -> None:
    """Raise `AssertionError` unless a store keeps its promises; `open_store` opens the same, first empty, place each time."""
    store = open_store()
    _check_events(store)
    _check_concurrent_appends(store)
    _check_items(store)
    _check_corrections(store)
    _check_links(store)
    secret = store.secret()
    store.close()
    store = open_store()
    require(store.secret() == secret, "the secret stays the same")
    require(store.profile("ann").history == ("a", "b", "a"), "events are there after closing and opening")
    require(store.append([_event("1", item_id="z")], now=NOW).result() == Appended(accepted=0, duplicates=1), "ids are known after opening")
    require({item.item_id for item in store.items()} == {"x", "y"}, "item changes are there after closing and opening")
    require(store.profile("cor").corrections == (_LIKE,), "corrections are there after closing and opening")
    require(store.profile("web").linked == ("eve", "app"), "links are there after closing and opening")
    _check_forgetting(store)
    _check_forgetting_linked(store)
    store.close()


def _event(event_id: str, *, user_id: str = "ann", item_id: str = "a", event: str = "click") -> FeedbackEvent:
    return FeedbackEvent(event_id=event_id, user_id=user_id, item_id=item_id, event=event)  # type: ignore[arg-type]  # kinds of the wire


def _check_events(store: Store) -> None:
    require(isinstance(store, Store), "it has the methods of a store")
    require(store.profile("ann") == Profile(), "a user never seen has an empty profile")
    batch = [_event("1"), _event("2", item_id="b"), _event("1")]
    require(store.append(batch, now=NOW).result() == Appended(accepted=2, duplicates=1), "an id that is repeated in a batch counts once")
    require(store.append(batch, now=NOW).result() == Appended(accepted=0, duplicates=3), "a batch that is sent again adds nothing")
    require(store.profile("ann").history == ("a", "b"), "the history is oldest first")
    more = [_event("3", item_id="c", event="hide"), _event("4", item_id="d", event="impression"), _event("5")]
    store.append(more, now=NOW + 1).result()
    require(store.profile("ann") == Profile(history=("a", "b", "a"), hidden=frozenset({"c"})), "hiding and being shown are no history")
    newest = store.history("ann", limit=2)
    require([event.event_id for event in newest] == ["5", "4"], "the past is newest first, at most `limit`")
    require(newest[0].timestamp == NOW + 1, "an event without a time has the time of its coming")
    require(store.profile("bob") == Profile() and store.history("bob", limit=9) == [], "users do not see each other's events")
    require(store.users("nn", limit=5) == {"ann": 5}, "users are found by a part of their id")
    require(store.users("%", limit=5) == {}, "no character of a search is special")


def _check_concurrent_appends(store: Store) -> None:
    """Eight writers send the same two hundred events: each is accepted once."""
    batches = [[_event(f"shared {number}", user_id="crowd", item_id=str(number))] for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda batch: store.append(batch, now=NOW).result(), batches * 8))
    require(sum(one.accepted for one in done) == len(batches), "an event that many send at once is accepted once")
    require(len(store.profile("crowd").history) == len(batches), "nothing that was accepted is missing")


def _check_items(store: Store) -> None:
    store.put_item(ItemOverlay(item_id="x", title="First", attributes={"year": 1990.0, "genres": ["A", "B"]})).result()
    store.put_item(ItemOverlay(item_id="x", title="Second", is_available=False)).result()
    store.put_item(ItemOverlay(item_id="y", is_deleted=True)).result()
    found = {item.item_id: item for item in store.items()}
    require(found["x"] == ItemOverlay(item_id="x", title="Second", is_available=False), "a change replaces what was said before")
    require(found["y"].is_deleted, "a deletion is kept")
    require(store.size().num_items == 2, "the size counts item changes once")


def _check_corrections(store: Store) -> None:
    store.put_corrections("cor", [_LIKE, _NOT_ME]).result()
    require(store.profile("cor") == Profile(corrections=(_LIKE, _NOT_ME)), "corrections stand in the profile, the oldest first")
    store.put_corrections("cor", [_LIKE, replace(_LIKE, verdict="dislike")]).result()
    require(store.profile("cor").corrections == (replace(_LIKE, verdict="dislike"),), "of two words on one value the later one is kept")
    store.put_corrections("cor", [_NOT_ME, _LIKE]).result()
    require(store.delete_correction("cor", "genre", "Horror").result(), "taking back what was said says so")
    require(not store.delete_correction("cor", "genre", "Horror").result(), "taking back what was not said says so")
    require(store.profile("cor").corrections == (_LIKE,), "what was taken back is gone, the rest stays")
    require(store.profile("bob").corrections == (), "users do not see each other's corrections")


def _check_links(store: Store) -> None:
    store.append([_event("web 1", user_id="web", item_id="w"), _event("eve 1", user_id="eve", item_id="e")], now=NOW).result()
    require(store.profile("eve").history == ("e",), "before a link each has a history of its own")
    require(store.link("web", "eve").result() == "linked", "two ids can be linked")
    require(store.profile("eve").history == store.profile("web").history == ("w", "e"), "linked ids share one history, in the order of coming")
    require(store.link("web", "eve").result() == "linked", "linking again changes nothing")
    require(store.link("app", "web").result() == "linked" and store.link("eve", "app").result() == "linked", "links join in chains")
    store.append([_event("app 1", user_id="app", item_id="p")], now=NOW).result()
    require(store.profile("eve").history == ("w", "e", "p"), "an event of one id is in the history of all")
    require([event.item_id for event in store.history("app", limit=2)] == ["p", "e"], "so it is in the past")
    require(store.link("web", "bob").result() == "taken", "an id of one person is not given to another")
    require(store.profile("bob") == Profile(), "a refused link leaves nothing behind")
    store.put_corrections("app", [_NOT_ME]).result()
    require(store.profile("eve").corrections == (_NOT_ME,), "what one id says holds for all")


def _check_forgetting_linked(store: Store) -> None:
    store.forget("app").result()
    for user_id in ("app", "eve", "web"):
        require(store.profile(user_id) == Profile(is_forgotten=True), "forgetting one id forgets the person under all")
    require(store.users("web", limit=9) == {}, "the events of linked ids are erased")


def _check_forgetting(store: Store) -> None:
    before = store.size().num_events
    store.forget("ann").result()
    require(store.profile("ann") == Profile(is_forgotten=True), "nothing is left of a forgotten user, and that is known")
    require(store.history("ann", limit=9) == [] and store.users("ann", limit=9) == {}, "a forgotten user is not found")
    require(store.size().num_events == before - 5, "the size falls by the events that were erased")
    store.append([_event("new", item_id="n")], now=NOW).result()
    require(store.profile("ann") == Profile(history=("n",), is_forgotten=True), "a forgotten user starts anew")
