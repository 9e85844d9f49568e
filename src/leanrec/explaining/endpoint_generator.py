"""EndpointGenerator: texts by any server that speaks as OpenAI's `/v1/chat/completions` does."""

import json
import os
from typing import Any

import httpx
from pydantic import Field

from leanrec.config import Config
from leanrec.errors import ConfigError, ServiceError

ANSWERS_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
TEMPERATURE = 0.7


class EndpointSettings(Config):
    """Where the server is and how it is asked."""

    url: str = Field(pattern=r"^https?://[^\s@]+$")
    """The address up to and including `/v1`, without user or password."""
    model: str = ""
    """Which of the server's models; some servers have but one."""
    key_variable: str = ""
    """The environment variable that holds the key; it is sent to the server and written nowhere."""
    timeout_seconds: float = Field(default=60.0, gt=0)
    """How long the server may be silent."""
    max_bytes: int = Field(default=262_144, ge=1024)
    """An answer that is longer is an error."""


class EndpointGenerator:
    """Asks once, and once more where the server was busy or silent; raises `ServiceError` after that."""

    def __init__(self, settings: EndpointSettings) -> None:
        if settings.key_variable and not os.environ.get(settings.key_variable):
            raise ConfigError(f"the environment variable {settings.key_variable} is not set", hint="put the key of the endpoint there")
        self.settings = settings
        self._http = httpx.Client(timeout=settings.timeout_seconds)

    @property
    def name(self) -> str:
        """The model and the host that ran it."""
        return f"endpoint:{self.settings.model or 'default'}@{httpx.URL(self.settings.url).host}"

    def generate(self, prompt: str, *, max_tokens: int, seed: int) -> str:
        """See `TextGenerator`."""
        content = {
            "model": self.settings.model,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": max_tokens,
            "temperature": TEMPERATURE if seed else 0.0,
            "seed": seed,
        }
        try:
            status, body = self._post(content)
        except httpx.TransportError:
            status, body = 503, b""
        if status in ANSWERS_RETRIED:
            try:
                status, body = self._post(content)
            except httpx.TransportError as error:
                raise ServiceError(
                    f"{self._host} cannot be reached: {type(error).__name__}", hint="check the address; running again goes on where it stopped"
                ) from None
        return self._words(status, body)

    def _post(self, content: dict[str, Any]) -> tuple[int, bytes]:  # Any: JSON
        url = f"{self.settings.url.rstrip('/').removesuffix('/chat/completions')}/chat/completions"
        key = os.environ.get(self.settings.key_variable, "") if self.settings.key_variable else ""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        with self._http.stream("POST", url, json=content, headers=headers) as answer:
            body = b""
            for part in answer.iter_bytes():
                body += part
                if len(body) > self.settings.max_bytes:
                    raise ServiceError(
                        f"{self._host} answered with more than {self.settings.max_bytes} bytes", hint="ask a server that keeps max_tokens"
                    )
            return answer.status_code, body

    def _words(self, status: int, body: bytes) -> str:
        if status in (401, 403):
            raise ConfigError(f"{self._host} refused the key ({status})", hint="name the variable that holds it: --key-variable OPENAI_API_KEY")
        if status != 200:
            raise ServiceError(f"{self._host} answered {status}", hint="check address and model; running again goes on where it stopped")
        try:
            words = json.loads(body)["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError):
            raise ServiceError(f"{self._host} answered in another form than /v1/chat/completions", hint="give the address up to /v1") from None
        return words if isinstance(words, str) else ""

    @property
    def _host(self) -> str:
        return f"the endpoint {httpx.URL(self.settings.url).host}"
