"""Server: open everything, bind, answer until told to stop, leave tidily."""

import gc
import logging
import socket
import sys
from collections.abc import Callable

import uvicorn

from leanrec.errors import ConfigError
from leanrec.serving.app import create_app
from leanrec.serving.live_state import LiveState
from leanrec.serving.logs import write_logs
from leanrec.serving.pipeline import read_pipeline
from leanrec.serving.settings import ServerSettings
from leanrec.serving.sqlite_store import SQLiteStore

log = logging.getLogger(__name__)

DRAIN_SECONDS = 10
SWITCH_SECONDS = 0.0005
"""How long one thread may keep others waiting for the interpreter: answers must not wait for a model that is being read."""
COLLECT_AFTER = 20_000
"""Objects after which garbage is looked for; what was made at the start is never looked at again."""


class _Server(uvicorn.Server):
    """uvicorn, that says when it stops."""

    def __init__(self, config: uvicorn.Config, *, live: LiveState) -> None:
        super().__init__(config)
        self._live = live

    def handle_exit(self, sig: int, frame: object) -> None:
        """Finish what was begun, take on nothing new."""
        self._live.is_draining = True
        super().handle_exit(sig, frame)  # type: ignore[arg-type]  # the frame of a signal handler, passed through


def run(settings: ServerSettings, *, ready: Callable[[str], None]) -> None:
    """Serve until a signal; `ready` is told the address once connections are taken.

    Raises `ConfigError` for unsafe settings or a port in use, `ArtifactError` for a model or store that cannot be opened.
    """
    settings.require_safe()
    pipeline = read_pipeline(settings.pipeline)
    write_logs()
    sys.setswitchinterval(SWITCH_SECONDS)
    store = SQLiteStore(settings.store_file)
    try:
        live = LiveState(settings.models, store=store, pipeline=pipeline, watch_seconds=settings.watch_seconds)
        app = create_app(live, settings)
        listening = _bound(settings)
    except BaseException:
        store.close()
        raise
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 50)
    address = _address(listening)
    log.info("serving", extra={"fields": {"url": address, "models": {model.name: model.version for model in live.models.by_name.values()}}})
    ready(address)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_keep_alive=30, timeout_graceful_shutdown=DRAIN_SECONDS, lifespan="on"
    )
    _Server(config, live=live).run(sockets=[listening])


def _bound(settings: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigError(
            f"cannot bind {settings.host} port {settings.port}: {error.strerror}", hint="choose another --port, or 0 for a free one"
        ) from None
    listening.set_inheritable(True)
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
