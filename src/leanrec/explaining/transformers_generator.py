"""TransformersGenerator: texts by a decoder that transformers reads, on this machine."""

from functools import cached_property
from typing import TYPE_CHECKING

from leanrec.errors import MissingExtraError

if TYPE_CHECKING:
    from leanrec.models.text_generation import TextDecoder


class TransformersGenerator:
    """A folder, a GGUF file, a packaged model (`smollm2`) or a name on the hub; loaded when the first text is asked for."""

    def __init__(self, source: str) -> None:
        self.source = source

    @property
    def name(self) -> str:
        """The model, and that transformers ran it."""
        return f"transformers:{self.source.rstrip('/').rsplit('/', 1)[-1]}"

    def generate(self, prompt: str, *, max_tokens: int, seed: int) -> str:
        """See `TextGenerator`; raises `MissingExtraError` without torch and transformers."""
        return self._decoder.generate(prompt, max_tokens=max_tokens, seed=seed)

    @cached_property
    def _decoder(self) -> "TextDecoder":
        try:
            from leanrec.models.text_generation import TextDecoder
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"generating texts needs {error.name}", hint="pip install 'leanrec[llm]'") from None
        return TextDecoder.open(self.source)
