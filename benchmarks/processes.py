"""Timings in processes of their own: one thread each, and what they printed last is JSON."""

import json
import os
import subprocess
from collections.abc import Sequence
from typing import Any

from baselines import ONE_THREAD

ALONE = {**ONE_THREAD, "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}


def json_of(command: Sequence[str]) -> dict[str, Any]:  # Any: JSON
    """The last line that the command prints; what it says on standard error is shown."""
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **ALONE}).stdout
    found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return found
