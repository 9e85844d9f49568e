"""Names that people give to columns, by role, in the words of several languages; the likeliest first."""

from collections.abc import Mapping
from types import MappingProxyType

NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "user": (
            *(
                "user_id",
                "userid",
                "user",
                "uid",
                "customer_id",
                "customerid",
                "customer",
                "client_id",
                "client",
                "visitor_id",
                "visitorid",
                "visitor",
            ),
            *("member_id", "member", "account_id", "account", "reviewer_id", "reviewerid", "reviewer", "buyer_id", "buyer", "person_id", "person"),
            *("subscriber_id", "subscriber", "listener", "viewer", "shopper", "patron", "reader", "household_key", "profile_id", "profile", "msno"),
            *("cust_id", "cust", "customer_email", "email", "username", "user_name", "login", "device_id", "fullvisitorid", "cookie_id", "cookie"),
            *("nutzer", "nutzer_id", "benutzer", "benutzer_id", "kunde", "kunden_id", "kundennummer", "kundennr", "kunden", "käufer", "mitglied"),
            *(
                "用户id",
                "用户编号",
                "用户",
                "会员id",
                "会员",
                "客户id",
                "客户编号",
                "客户",
                "买家",
                "顾客",
                "utilisateur",
                "usuario",
                "cliente",
                "ユーザー",
            ),
        ),
        "item": (
            *("item_id", "itemid", "item", "product_id", "productid", "parent_asin", "asin", "sku", "sku_id", "article_id", "movie_id", "movieid"),
            *("product_code", "stock_code", "stockcode", "isbn", "book_id", "track_id", "song_id", "video_id", "artist_id", "game_id", "content_id"),
            *(
                "news_id",
                "business_id",
                "recipe_id",
                "listing_id",
                "hotel_id",
                "restaurant_id",
                "goods_id",
                "offer_id",
                "post_id",
                "course_id",
                "anime_id",
            ),
            *(
                "venue_id",
                "place_id",
                "poi_id",
                "photo_id",
                "job_id",
                "prod_id",
                "product",
                "movie",
                "film",
                "article",
                "book",
                "track",
                "song",
                "video",
            ),
            *(
                "trackname",
                "songname",
                "artistname",
                "game",
                "artist",
                "goods",
                "listing",
                "recipe",
                "product_name",
                "item_name",
                "movie_title",
                "product_title",
                "title",
                "description",
            ),
            *("artikel_id", "artikelnummer", "artikelnr", "artikel", "produkt_id", "produktnummer", "produkt", "ware"),
            *(
                "商品id",
                "商品编号",
                "商品",
                "物品id",
                "物品",
                "产品id",
                "产品",
                "电影id",
                "电影",
                "produit",
                "producto",
                "produto",
                "アイテム",
                "商品名称",
            ),
        ),
        "timestamp": (
            *(
                "timestamp",
                "event_time",
                "time",
                "datetime",
                "date_time",
                "unix_review_time",
                "ts",
                "created_at",
                "created",
                "date",
                "event_timestamp",
            ),
            *(
                "order_date",
                "order_time",
                "order_purchase_timestamp",
                "purchase_date",
                "purchased_at",
                "ordered_at",
                "invoice_date",
                "transaction_date",
            ),
            *("rated_at", "reviewed_at", "review_date", "review_time", "t_dat", "visit_time", "view_time", "click_time", "played_at", "watched_at"),
            *(
                "date_added",
                "updated_at",
                "day",
                "when",
                "unixtime",
                "unix_time",
                "epoch",
                "event_date",
                "time_stamp",
                "clock",
                "pos",
                "position",
                "step",
            ),
            *("zeit", "zeitstempel", "zeitpunkt", "datum", "bestelldatum", "kaufdatum", "erstellt", "erstellt_am"),
            *("时间戳", "时间", "日期", "下单时间", "购买时间", "创建时间", "行为时间", "fecha", "data", "日時"),
        ),
        "value": (
            *(
                "rating",
                "ratings",
                "score",
                "stars",
                "star_rating",
                "overall",
                "overall_rating",
                "review_score",
                "book_rating",
                "user_rating",
                "grade",
            ),
            *("quantity", "qty", "num_items", "count", "plays", "playcount", "play_count", "weight", "listen_count", "units", "quantity_sold"),
            *("watch_time", "watch_seconds", "dwell_time", "duration", "seconds", "playtime", "hours", "value"),
            *(
                "bewertung",
                "sterne",
                "note",
                "menge",
                "anzahl",
                "stückzahl",
                "评分",
                "打分",
                "分数",
                "数量",
                "次数",
                "观看时长",
                "calificación",
                "puntuación",
            ),
        ),
        "event": (
            *("event", "event_type", "event_name", "eventtype", "action", "action_type", "behaviour", "behavior", "behavior_type", "behaviour_type"),
            *("interaction", "interaction_type", "activity", "activity_type", "type", "kind", "feedback_type", "ereignis", "aktion", "art"),
            *("事件", "事件类型", "行为", "行为类型", "操作", "acción", "evento"),
        ),
        "session": ("session_id", "sessionid", "session", "visit_id", "user_session", "visitid", "sitzung", "会话", "会话id"),
    }
)

ROW_ID_NAMES = frozenset(
    {"id", "index", "row", "row_id", "rowid", "unnamed_0", "order_id", "orderid", "order_number", "event_id", "line", "no", "nr"} | {"序号", "订单号"}
)
"""Names of columns that number rows or orders, so neither users nor items."""

POSITION_NAMES = frozenset({"pos", "position", "step", "timestamp", "time"})
"""Time columns that may count positions instead of telling the clock."""

RATING_NAMES = frozenset(
    {
        "rating",
        "ratings",
        "score",
        "stars",
        "overall",
        "star",
        "grade",
        "bewertung",
        "sterne",
        "note",
        "评分",
        "打分",
        "分数",
        "calificación",
        "puntuación",
    }
)
WATCH_NAMES = frozenset({"watch_time", "watch_seconds", "dwell_time", "duration", "seconds", "playtime", "观看时长"})
PURCHASE_NAMES = frozenset(
    {
        "quantity",
        "qty",
        "order_id",
        "orderid",
        "order_date",
        "order_number",
        "invoice",
        "invoice_no",
        "invoice_date",
        "purchase_date",
        "transaction_date",
    }
    | {
        "transaction_id",
        "unit_price",
        "amount",
        "units",
        "basket_id",
        "menge",
        "anzahl",
        "stückzahl",
        "bestelldatum",
        "kaufdatum",
        "数量",
        "下单时间",
        "订单号",
    }
    | {"购买时间", "order_time", "purchased_at", "ordered_at", "total", "discount"}
)

FILE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("view", "views", "pageviews"), "view"),
        **dict.fromkeys(("click", "clicks"), "click"),
        **dict.fromkeys(("cart", "carts", "addtocart"), "cart"),
        **dict.fromkeys(("buy", "buys", "purchase", "purchases", "order", "orders", "transaction", "transactions", "sales", "bestellungen"), "buy"),
        **dict.fromkeys(("like", "likes"), "like"),
        **dict.fromkeys(("favourites", "favorites", "wishlist"), "favourite"),
        **dict.fromkeys(("impression", "impressions"), "impression"),
    }
)
"""Words in a file's name that say what its rows are, where no column does."""

ATTRIBUTE_NAMES = frozenset(
    {"title", "name", "product_name", "item_name", "movie_title", "product_title", "headline", "category", "categories", "genre", "genres", "brand"}
    | {"description", "colour", "color", "price", "unit_price", "author", "artist", "album", "publisher", "year", "department", "category_id"}
    | {"category_code", "tags", "class", "subcategory", "kategorie", "marke", "preis", "titel", "类别", "品牌", "价格", "标题", "名称"}
)
"""Names that describe items rather than events."""
