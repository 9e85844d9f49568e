"""Profile routes: what the server takes a user's tastes to be, what they say to it, and which ids are one person."""

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from leanrec.data.profile import UserProfile
from leanrec.serving import messages
from leanrec.serving.openapi import READING, WRITING, answers, body
from leanrec.serving.routes import UserId, remember, state_of

_ENCODE = msgspec.json.Encoder().encode
_READ_CORRECTIONS = msgspec.json.Decoder(messages.CorrectionsRequest).decode
_READ_LINK = msgspec.json.Decoder(messages.LinkRequest).decode

Word = Annotated[str, Query(min_length=1, max_length=messages.MAX_CHARACTERS)]

router = APIRouter()


@router.get("/v1/users/{user_id:id}/profile", responses=answers(UserProfile, *READING), operation_id="get_profile")
async def get_profile(request: Request, user_id: UserId) -> Response:
    """Say what a user's history tells of their tastes; an empty profile for a user never seen."""
    remember(request, user_id)
    return await _profile(request, user_id)


@router.put(
    "/v1/users/{user_id:id}/profile/corrections",
    responses=answers(UserProfile, *WRITING),
    openapi_extra=body(messages.CorrectionsRequest),
    operation_id="put_corrections",
)
async def put_corrections(request: Request, user_id: UserId) -> Response:
    """Replace what a user says of their tastes; the next answer heeds it."""
    remember(request, user_id)
    await state_of(request).correct(user_id, _READ_CORRECTIONS(await request.body()))
    return await _profile(request, user_id)


@router.delete(
    "/v1/users/{user_id:id}/profile/corrections",
    responses=answers(None, *READING, 404, status=204),
    status_code=204,
    operation_id="delete_correction",
)
async def delete_correction(request: Request, user_id: UserId, attribute: Word, value: Word) -> Response:
    """Take back what a user said of one value."""
    remember(request, user_id)
    await state_of(request).take_back(user_id, attribute, value)
    return Response(status_code=204)


@router.post("/v1/links", responses=answers(messages.LinkRequest, *WRITING), openapi_extra=body(messages.LinkRequest), operation_id="link")
async def link(request: Request) -> Response:
    """Say that two ids are one person: their histories are one from now on, and forgetting one forgets both."""
    wanted = _READ_LINK(await request.body())
    remember(request, wanted.user_id)
    await state_of(request).link(wanted)
    return Response(_ENCODE(wanted), media_type="application/json")


async def _profile(request: Request, user_id: str) -> Response:
    """Off the loop, since the first profile of a model reads the whole catalogue."""
    profile = await asyncio.to_thread(state_of(request).answering.profile, user_id)
    return Response(_ENCODE(profile), media_type="application/json")
