"""RetryPolicy: when to ask again, how long to wait, and which error to raise in the end."""

import random
from dataclasses import dataclass, field

import httpx

from leanrec.errors import ConfigError, DataError, LeanRecError, ServiceError, UnknownIdError

TRY_AGAIN = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """Waits between tries: doubled each time, and drawn at random up to that, so that many clients do not come back at once."""

    tries: int = 4
    first_seconds: float = 0.1
    most_seconds: float = 5.0
    rng: random.Random = field(default_factory=random.Random, repr=False, compare=False)

    def wait_seconds(self, attempt: int, response: httpx.Response | None) -> float:
        """How long to wait after try number `attempt` (from 0); at least as long as the server asks for."""
        longest = min(self.most_seconds, self.first_seconds * 2**attempt)
        asked = response.headers.get("retry-after", "0") if response is not None else "0"
        return max(float(asked) if asked.isdigit() else 0.0, self.rng.uniform(longest / 2, longest))

    def is_worth_another(self, attempt: int, response: httpx.Response | None) -> bool:
        """Whether to try again: nothing came back, or the server said that later may do."""
        return attempt + 1 < self.tries and (response is None or response.status_code in TRY_AGAIN)


def checked(response: httpx.Response) -> httpx.Response:
    """The response, if it is good; else the error of ours that its problem stands for, with its hint."""
    if response.is_success:
        return response
    raise _error_of(response)


def unreachable(url: str, error: httpx.TransportError) -> ServiceError:
    """The error for a server that does not answer."""
    return ServiceError(f"no answer from {url}: {type(error).__name__}", hint="is the server running? leanrec serve MODEL")


def _error_of(response: httpx.Response) -> LeanRecError:
    try:
        problem = response.json()
        detail, hint = str(problem["detail"]), str(problem["hint"])
    except (ValueError, KeyError, TypeError):
        detail, hint = f"the server answered {response.status_code}", "is this the address of a leanrec server?"
    kinds: dict[int, type[LeanRecError]] = {401: ConfigError, 404: UnknownIdError, 421: ConfigError}
    if response.status_code in kinds:
        return kinds[response.status_code](detail, hint=hint)
    return (ServiceError if response.status_code >= 500 or response.status_code in TRY_AGAIN else DataError)(detail, hint=hint)
