"""A guess names the right columns, says why, and refuses rather than invents."""

import polars as pl
import pytest

from leanrec.data.sources.columns import ColumnMapping
from leanrec.data.sources.guess import guess_mapping
from leanrec.errors import ConfigError, DataError

NUM_ROWS = 60
USERS = [f"u{row % 7}" for row in range(NUM_ROWS)]
ITEMS = [f"p{row % 11}" for row in range(NUM_ROWS)]
SECONDS = [str(1_600_000_000 + row * 977) for row in range(NUM_ROWS)]
STARS = [str(1 + row % 5) for row in range(NUM_ROWS)]


def guessed(columns: dict[str, list[str]], **stated: str) -> ColumnMapping:
    return guess_mapping(tuple(columns), pl.DataFrame(columns), stated=ColumnMapping(**stated)).mapping


@pytest.mark.parametrize(
    "user", ["user_id", "userId", "customer", "visitorid", "member", "uid", "account", "reviewerID", "Kundennummer", "用户ID", "customer_email"]
)
def test_a_user_column_is_known_by_any_of_its_usual_names(user: str) -> None:
    assert guessed({user: USERS, "item": ITEMS}).user == user


@pytest.mark.parametrize(
    "item", ["item", "product", "sku", "movieId", "asin", "article", "track", "song", "StockCode", "Artikelnummer", "商品ID", "parent_asin"]
)
def test_an_item_column_is_known_by_any_of_its_usual_names(item: str) -> None:
    assert guessed({"user": USERS, item: ITEMS}).item == item


@pytest.mark.parametrize("time", ["timestamp", "time", "date", "created_at", "ts", "unixReviewTime", "created", "Bestelldatum", "时间戳"])
def test_a_time_column_is_known_by_its_name_when_its_values_tell_time(time: str) -> None:
    assert guessed({"user": USERS, "item": ITEMS, time: SECONDS}).timestamp == time


def test_a_time_column_is_known_by_its_values_when_its_name_says_nothing() -> None:
    assert guessed({"user": USERS, "item": ITEMS, "x7": SECONDS}).timestamp == "x7"


def test_a_column_named_time_that_holds_durations_is_no_time() -> None:
    mapping = guessed({"user": USERS, "item": ITEMS, "date": ["soon"] * NUM_ROWS})
    assert mapping.timestamp is None
    assert mapping.time == "none"


def test_the_id_is_preferred_over_the_name_of_the_product() -> None:
    names = [f"Product {item}" for item in ITEMS]
    guess = guess_mapping(("product_name", "user", "product_id"), pl.DataFrame({"product_name": names, "user": USERS, "product_id": ITEMS}))
    assert guess.mapping.item == "product_id"
    assert guess.attributes == ("product_name",)


def test_an_order_number_is_neither_user_nor_item() -> None:
    orders = [str(1000 + row) for row in range(NUM_ROWS)]
    mapping = guessed({"order_id": orders, "customer_email": USERS, "product_name": ITEMS, "qty": ["1"] * NUM_ROWS, "created": SECONDS})
    assert mapping.stated == {"user": "customer_email", "item": "product_name", "timestamp": "created", "value": "qty"}
    assert mapping.kind == "buy"


def test_ratings_make_the_events_rate() -> None:
    mapping = guessed({"userId": USERS, "movieId": ITEMS, "rating": STARS, "timestamp": SECONDS})
    assert (mapping.value, mapping.kind) == ("rating", "rate")


def test_a_price_is_no_value() -> None:
    assert guessed({"user": USERS, "item": ITEMS, "price": [f"{row}.5" for row in range(NUM_ROWS)]}).value is None


def test_an_event_column_is_taken_only_when_its_words_are_known() -> None:
    assert guessed({"user": USERS, "item": ITEMS, "type": ["pageview", "addtocart"] * 30}).event == "type"
    assert guessed({"user": USERS, "item": ITEMS, "type": ["shoe", "hat"] * 30}).event is None


def test_positions_make_the_time_an_order() -> None:
    mapping = guessed({"user": USERS, "item": ITEMS, "pos": [str(row) for row in range(NUM_ROWS)]})
    assert (mapping.timestamp, mapping.time) == ("pos", "order")


def test_columns_without_a_header_are_taken_by_place_and_values() -> None:
    columns = {"column_1": USERS, "column_2": ITEMS, "column_3": STARS, "column_4": SECONDS}
    guess = guess_mapping(tuple(columns), pl.DataFrame(columns), has_header=False)
    assert guess.mapping.stated == {"user": "column_1", "item": "column_2", "timestamp": "column_4", "value": "column_3"}
    assert "no header" in guess.reasons["user"]


def test_what_is_stated_is_kept() -> None:
    mapping = guessed({"user": USERS, "item": ITEMS, "basket": USERS}, user="basket")
    assert (mapping.user, mapping.item) == ("basket", "item")


def test_a_failed_guess_lists_the_columns_and_how_to_state_them() -> None:
    with pytest.raises(DataError) as caught:
        guessed({"foo": USERS, "bar": ITEMS, "baz": STARS})
    assert "foo, bar, baz" in caught.value.message
    assert "--set columns.user=NAME" in caught.value.hint


def test_a_stated_column_that_is_missing_names_the_nearest() -> None:
    with pytest.raises(DataError, match="did you mean 'user_id'"):
        guessed({"user_id": USERS, "item": ITEMS}, user="userid_")


def test_a_guess_describes_itself_for_people() -> None:
    columns = {
        "customer": USERS,
        "sku": ITEMS,
        "colour": ["red" if item < "p5" else "blue" for item in ITEMS],
        "memo": [str(row) for row in range(NUM_ROWS)],
    }
    text = guess_mapping(tuple(columns), pl.DataFrame(columns), place="shop.csv").describe()
    assert all(part in text for part in ("shop.csv", "user", "customer", "sku", "colour", "by its name", "--set columns"))
    assert "not used: memo" in text


def test_an_unknown_event_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="did you mean 'buy'"):
        ColumnMapping(kind="buyy")
