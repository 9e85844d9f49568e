"""Interruptions: hooks that end a training in its midst, as Ctrl-C does."""

from typing import Any


class CutAt:
    """Raises `KeyboardInterrupt` before a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def before_step(self, context: Any) -> None:
        if context.step == self.step:
            raise KeyboardInterrupt

    def after_backward(self, context: Any) -> None: ...

    def after_step(self, context: Any) -> None: ...
