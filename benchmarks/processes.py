"""Runs in processes of their own, on one thread each: those that keep what they found, and those that print it last, as JSON."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from baselines import ONE_THREAD

ALONE = {**ONE_THREAD, "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}


def json_of(command: Sequence[str]) -> dict[str, Any]:  # Any: JSON
    """The last line that the command prints; what it says on standard error is shown."""
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **ALONE}).stdout
    found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return found


def run_alone(script: str, *arguments: object) -> None:
    """Run a script of ours with these arguments; what it says is shown."""
    subprocess.run([sys.executable, script, *map(str, arguments)], check=True, env={**os.environ, **ALONE})
