"""Routes: the HTTP API; each reads a message, asks the live state, writes a message."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response
from starlette.routing import Route

from leanrec.errors import ConfigError
from leanrec.serving import messages
from leanrec.serving.gate import REQUEST_ID, USER
from leanrec.serving.live_state import LiveState
from leanrec.serving.openapi import READING, WRITING, Document, answers, body, operation
from leanrec.serving.problems import problem
from leanrec.serving.telemetry import CONTENT_TYPE

_ENCODE = msgspec.json.Encoder().encode
_READ_RECOMMEND = msgspec.json.Decoder(messages.RecommendRequest).decode
_READ_EVENTS = msgspec.json.Decoder(messages.EventsRequest).decode
_READ_ITEM = msgspec.json.Decoder(messages.ItemChange).decode

UserId = Annotated[str, Path(min_length=1, max_length=messages.MAX_CHARACTERS)]
ItemId = Annotated[str, Path(min_length=1, max_length=messages.MAX_CHARACTERS)]
Search = Annotated[str, Query(max_length=messages.MAX_CHARACTERS)]
Like = Annotated[str, Query(max_length=messages.MAX_TEXT_CHARACTERS)]
ModelName = Annotated[str | None, Query(min_length=1, max_length=messages.MAX_CHARACTERS)]


class IdConvertor(Convertor[str]):
    """An id in a path: any characters at all, slashes and line ends included."""

    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        """The id as it is."""
        return value

    def to_string(self, value: str) -> str:
        """The id as it is."""
        return value


register_url_convertor("id", IdConvertor())
router = APIRouter()


def _json(message: msgspec.Struct) -> Response:
    return Response(_ENCODE(message), media_type="application/json")


def state_of(request: Request) -> LiveState:
    """What all routes share."""
    state: LiveState = request.app.state.live
    return state


def remember(request: Request, user_id: str | None) -> None:
    """Let the log line of the request name the user, masked."""
    if user_id is not None:
        request.scope[USER] = state_of(request).mask(user_id)


async def recommend(request: Request) -> Response:
    """Recommend items to a user, a session or nobody in particular."""
    wanted = _READ_RECOMMEND(await request.body())
    remember(request, wanted.user_id)
    state = state_of(request)
    answer = state.answering.recommend(wanted, request_id=request.scope[REQUEST_ID])
    state.telemetry.recommended(answer)
    return _json(answer)


async def store_events(request: Request) -> Response:
    """Store events; each is durable before the answer, and the next recommendation heeds it."""
    batch = _READ_EVENTS(await request.body())
    remember(request, batch.events[0].user_id)
    return _json(await state_of(request).append(batch))


HOT_ROUTES = (Route("/v1/recommend", recommend, methods=["POST"]), Route("/v1/events", store_events, methods=["POST"]))
"""Plain routes: most requests go here, and the message is read straight from the bytes."""

HOT_OPERATIONS: dict[str, dict[str, Document]] = {
    "/v1/recommend": {
        "post": operation(messages.RecommendRequest, messages.Recommended, *WRITING, name="recommend", summary="Recommend items, with reasons")
    },
    "/v1/events": {
        "post": operation(messages.EventsRequest, messages.EventsStored, *WRITING, name="store_events", summary="Store events, durably and once")
    },
}


@router.get("/v1/items", responses=answers(messages.FoundItems, *READING), operation_id="search_items")
async def search_items(
    request: Request,
    search: Search = "",
    like: Like = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """Search items by a part of their title, the most popular first, or by what they are like, the nearest first."""
    if search and like.strip():
        raise ConfigError("`search` and `like` ask for two things", hint="search= finds a part of a title, like= what is near in meaning: send one")
    if like.strip():
        return _json(state_of(request).answering.find(like, limit=limit, offset=offset))
    return _json(state_of(request).models.default.catalogue.search(search, limit=limit, offset=offset))


@router.get("/v1/items/{item_id:id}/similar", responses=answers(messages.SimilarItems, *READING, 404), operation_id="similar_items")
async def similar_items(
    request: Request, item_id: ItemId, k: Annotated[int, Query(ge=1, le=messages.MAX_K)] = 10, model: ModelName = None
) -> Response:
    """List the items most like one item."""
    return _json(state_of(request).answering.similar(item_id, k=k, model_name=model))


@router.get("/v1/items/{item_id:id}", responses=answers(messages.Item, *READING, 404), operation_id="get_item")
async def get_item(request: Request, item_id: ItemId) -> Response:
    """Say what is known of an item."""
    return _json(state_of(request).models.default.catalogue.item(item_id))


@router.put("/v1/items/{item_id:id}", responses=answers(messages.Item, *WRITING), openapi_extra=body(messages.ItemChange), operation_id="put_item")
async def put_item(request: Request, item_id: ItemId) -> Response:
    """Change an item, or add a new one; what is left out stays as it is."""
    change = _READ_ITEM(await request.body())
    return _json(await state_of(request).change_item(item_id, change))


@router.delete("/v1/items/{item_id:id}", responses=answers(None, *READING, 404, status=204), status_code=204, operation_id="delete_item")
async def delete_item(request: Request, item_id: ItemId) -> Response:
    """Never recommend an item again."""
    await state_of(request).delete_item(item_id)
    return Response(status_code=204)


@router.get("/v1/users", responses=answers(messages.FoundUsers, *READING), operation_id="search_users")
async def search_users(request: Request, search: Search = "", limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Response:
    """Find users by a part of their id."""
    return _json(messages.FoundUsers(users=state_of(request).users(search, limit=limit)))


@router.get("/v1/users/{user_id:id}/history", responses=answers(messages.History, *READING, 404), operation_id="get_history")
async def get_history(request: Request, user_id: UserId, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
    """List what a user did, newest first."""
    remember(request, user_id)
    return _json(state_of(request).history(user_id, limit=limit))


@router.delete("/v1/users/{user_id:id}", responses=answers(None, *READING, 404, status=204), status_code=204, operation_id="forget_user")
async def forget_user(request: Request, user_id: UserId) -> Response:
    """Erase everything stored of a user, and stop using what models remember of them."""
    remember(request, user_id)
    await state_of(request).forget(user_id)
    return Response(status_code=204)


@router.get("/v1/models", responses=answers(messages.ModelReports, *READING), operation_id="list_models")
async def list_models(request: Request) -> Response:
    """List the models that answer, the default first."""
    return _json(messages.ModelReports(models=state_of(request).reports()))


@router.get("/health", responses=answers(messages.Health, 421, 503), operation_id="health")
async def health(request: Request) -> Response:  # noqa: ARG001 - being able to answer is the answer
    """Say that the process is alive."""
    return _json(messages.Health())


@router.get("/ready", responses=answers(messages.Readiness, 421, 503), operation_id="ready")
async def ready(request: Request) -> Response:
    """Say whether requests should be sent here."""
    state = state_of(request)
    if state.is_draining:
        return problem(503, detail="the server is stopping", request_id=request.scope[REQUEST_ID], instance="/ready")
    return _json(messages.Readiness(status="ready", models={model.name: model.version for model in state.models.by_name.values()}))


@router.get("/metrics", responses={200: {"description": "figures in Prometheus' text format", "content": {"text/plain": {}}}}, operation_id="metrics")
async def metrics(request: Request) -> Response:
    """Give figures to Prometheus."""
    state = state_of(request)
    return Response(state.telemetry.text(state.store), headers={"Content-Type": CONTENT_TYPE})
