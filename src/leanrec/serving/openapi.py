"""OpenAPI: what the routes say of themselves, made from the messages, so that document and behaviour cannot part."""

from collections.abc import Mapping
from typing import Any

import msgspec

from leanrec.data.profile import UserProfile
from leanrec.serving import messages

Document = dict[str, Any]  # Any: JSON

SCHEMAS = (
    messages.RecommendRequest,
    messages.Recommended,
    messages.EventsRequest,
    messages.EventsStored,
    messages.Item,
    messages.ItemChange,
    messages.FoundItems,
    messages.SimilarItems,
    messages.FoundUsers,
    messages.History,
    UserProfile,
    messages.CorrectionsRequest,
    messages.LinkRequest,
    messages.ModelReports,
    messages.Health,
    messages.Readiness,
    messages.Problem,
)
_PROBLEMS: Mapping[int, str] = {
    400: "the body is not JSON",
    401: "an API key is needed",
    404: "what was named does not exist",
    408: "the body came too slowly",
    413: "the body is too large",
    415: "the body is not application/json",
    421: "the Host header names another server",
    422: "a value is not allowed",
    503: "not now; see Retry-After",
}
READING = (401, 421, 422, 503)
WRITING = (400, 401, 408, 413, 415, 421, 422, 503)


def answers(message: type[msgspec.Struct | UserProfile] | None, *problems: int, status: int = 200) -> dict[int | str, Document]:
    """The `responses` of a route: a message (or no content) and problems."""
    good: Document = {"description": (message.__doc__ or "").strip() if message is not None else "done"}
    if message is not None:
        good["content"] = {"application/json": {"schema": _reference(message)}}
    return {status: good, **{code: _problem(code) for code in problems}}


def body(message: type[msgspec.Struct]) -> Document:
    """The request body of a route."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": _reference(message)}}}}


def operation(message: type[msgspec.Struct], answer: type[msgspec.Struct], *problems: int, name: str, summary: str) -> Document:
    """A whole operation, for a route that FastAPI does not describe."""
    responses = {str(code): description for code, description in answers(answer, *problems).items()}
    return {"operationId": name, "summary": summary, **body(message), "responses": responses}


def completed(document: Document, operations: Mapping[str, Mapping[str, Document]]) -> Document:
    """FastAPI's document with the remaining operations and all schemas."""
    _, schemas = msgspec.json.schema_components(SCHEMAS, ref_template="#/components/schemas/{name}")
    paths = {**document["paths"], **operations}
    security = {"bearer": {"type": "http", "scheme": "bearer"}, "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
    return {
        **document,
        "paths": {path: dict(paths[path]) for path in sorted(paths)},
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": security},
        "security": [{}, {"bearer": []}, {"header": []}],
    }


def _problem(code: int) -> Document:
    return {"description": _PROBLEMS[code], "content": {"application/problem+json": {"schema": _reference(messages.Problem)}}}


def _reference(message: type[msgspec.Struct | UserProfile]) -> Document:
    return {"$ref": f"#/components/schemas/{message.__name__}"}
