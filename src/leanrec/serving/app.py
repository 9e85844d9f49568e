"""The application: routes, page and gate put together around the live state."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from leanrec.errors import LeanRecError
from leanrec.serving.gate import REQUEST_ID, Gate
from leanrec.serving.keys import KeyRing, read_keys
from leanrec.serving.live_state import LiveState
from leanrec.serving.openapi import Document, completed
from leanrec.serving.problems import problem, problem_of
from leanrec.serving.profile_routes import router as profile_router
from leanrec.serving.routes import HOT_OPERATIONS, HOT_ROUTES, router
from leanrec.serving.settings import ServerSettings

log = logging.getLogger(__name__)

PAGES = Path(__file__).parent / "pages"
_HTTP_METHODS = ("GET", "POST", "PUT", "DELETE")


def create_app(live: LiveState, settings: ServerSettings) -> FastAPI:
    """The ASGI application; the live state is closed when the server stops."""
    app = FastAPI(title="leanrec", version=version("leanrec"), docs_url=None, redoc_url=None, lifespan=_lifespan)
    app.state.live = live
    app.router.routes.extend(HOT_ROUTES)
    app.include_router(profile_router)  # first, since an id in a path may hold slashes
    app.include_router(router)
    app.add_route("/", _page, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=PAGES), name="static")
    for kind in (HTTPException, LeanRecError, msgspec.DecodeError, UnicodeDecodeError):
        app.add_exception_handler(kind, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_middleware(
        Gate,
        telemetry=live.telemetry,
        keys=KeyRing(read_keys(settings.key_file)) if settings.key_file is not None else None,
        hosts=settings.known_hosts,
        has_access_log=settings.access_log,
    )
    if settings.cors:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.cors, allow_methods=_HTTP_METHODS, allow_headers=["Authorization", "Content-Type", "X-API-Key"]
        )
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's own way to change the document
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    live: LiveState = app.state.live
    watching = asyncio.create_task(live.watcher.run())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        live.store.close()
        log.info("stopped")


async def _page(request: Request) -> Response:
    index = PAGES / "index.html"
    if not index.is_file():
        return problem(404, detail="this build has no page", request_id=request.scope[REQUEST_ID], instance="/")
    return FileResponse(index, headers={"Cache-Control": "no-cache"})


async def _on_error(request: Request, error: Exception) -> Response:
    return problem_of(error, request_id=request.scope[REQUEST_ID], instance=request.url.path)


async def _on_invalid(request: Request, error: Exception) -> Response:
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": ""}
    place = ".".join(str(part) for part in first["loc"])
    return problem(422, detail=f"{place}: {first['msg']}", request_id=request.scope[REQUEST_ID], instance=request.url.path)


def _openapi(app: FastAPI) -> Document:
    if app.openapi_schema is None:
        described = get_openapi(title=app.title, version=app.version, summary=__doc__, routes=app.routes)
        app.openapi_schema = completed({**described, "openapi": "3.1.0"}, HOT_OPERATIONS)
    return app.openapi_schema
