"""Problems: every error as an RFC 9457 document with a status, a detail and a hint at the next step."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from leanrec.errors import ArtifactError, BudgetError, LeanRecError, UnknownIdError
from leanrec.serving.messages import Problem

RETRY_SECONDS = 1

_ENCODE = msgspec.json.Encoder().encode
_HINTS: Mapping[int, str] = {
    400: "send one JSON document in UTF-8",
    401: "send the header Authorization: Bearer KEY; a key is made by `leanrec keys create`",
    404: "see /openapi.json for what there is",
    405: "see the header Allow",
    408: "send the body faster",
    413: "send at most 1 MiB; several requests of up to 1000 entries take more",
    415: "send the header Content-Type: application/json",
    421: "call the server by the name it was started with, or start it with --allow-host NAME",
    422: "see /openapi.json for what is allowed",
    500: "look for request_id in the server's log",
    503: "send it again in a second",
}


class ProblemResponse(Response):
    """A problem document."""

    media_type = "application/problem+json"


def problem(status: int, *, detail: str, request_id: str, instance: str, hint: str = "", headers: Mapping[str, str] | None = None) -> ProblemResponse:
    """The answer that says what went wrong."""
    title = HTTPStatus(status).phrase
    content = Problem(
        type="about:blank",
        title=title,
        status=status,
        detail=detail or title,
        hint=hint or _HINTS.get(status, ""),
        instance=instance,
        request_id=request_id,
    )
    extra = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else {}
    return ProblemResponse(_ENCODE(content), status_code=status, headers={**extra, **(headers or {})})


def problem_of(error: Exception, *, request_id: str, instance: str) -> ProblemResponse:
    """The problem that an error stands for; what nobody foresaw is a 500 that gives nothing away."""
    if isinstance(error, HTTPException):
        detail = str(error.detail) if error.detail else ""
        return problem(error.status_code, detail=detail, request_id=request_id, instance=instance, headers=error.headers)
    if isinstance(error, msgspec.ValidationError):
        return problem(422, detail=str(error), request_id=request_id, instance=instance)
    if isinstance(error, msgspec.DecodeError | UnicodeDecodeError):
        return problem(400, detail=f"the body is not JSON: {error}", request_id=request_id, instance=instance)
    if isinstance(error, LeanRecError):
        return problem(status_of(error), detail=error.message, hint=error.hint, request_id=request_id, instance=instance)
    return problem(500, detail="the server failed to answer", request_id=request_id, instance=instance)


def status_of(error: LeanRecError) -> int:
    """404 for what does not exist, 503 for what may work later, 422 for what the caller can change, else 500."""
    if isinstance(error, UnknownIdError):
        return 404
    if isinstance(error, BudgetError | ArtifactError):
        return 503
    return 422 if isinstance(error, ValueError) else 500
