"""Prompts as tokens: what a decoder reads of a history before it is asked how likely a candidate's text comes next."""

from collections.abc import Sequence

from leanrec.data.plain_text import readable_text
from leanrec.data.tokens import TextTokenizer
from leanrec.errors import ConfigError

HISTORY = "{history}"
PROMPT = f"Somebody chose these, one after the other:\n{HISTORY}"
"""A line for each item follows, the newest last; the candidate is the next line."""
MIN_HISTORY = 8


class PromptTokenizer:
    """Splits a history into the tokens of a prompt, and candidates into those of the line after it; both together within `max_tokens`."""

    def __init__(self, content: str, *, max_tokens: int = 512, max_candidate_tokens: int = 48, prompt: str = PROMPT) -> None:
        """From the text of a `tokenizer.json`; raises `ConfigError` for a prompt without a place for the history, or too few tokens."""
        if prompt.count(HISTORY) != 1 or not prompt.split(HISTORY)[0].strip():
            raise ConfigError(f"the prompt {prompt!r} must begin with words and hold {HISTORY} once", hint=f"for instance {PROMPT!r}")
        self.tokenizer = TextTokenizer(content, has_marks=False)
        self.prompt, self.max_tokens, self.max_candidate_tokens = prompt, max_tokens, max_candidate_tokens
        before, after = prompt.split(HISTORY)
        opening, _ = self.tokenizer.marks
        self._before, self._after = [*opening, *self.tokenizer.pieces(before)], self.tokenizer.pieces(after)
        self._room = max_tokens - max_candidate_tokens - len(self._before) - len(self._after)
        if max_candidate_tokens < 1 or self._room < MIN_HISTORY or not self._before:
            raise ConfigError(
                f"max_tokens {max_tokens} leaves {self._room} for the history beside prompt and candidate ({max_candidate_tokens}); "
                f"at least {MIN_HISTORY}",
                hint="choose a larger number",
            )

    @property
    def content(self) -> str:
        """The text of the `tokenizer.json`."""
        return self.tokenizer.content

    def read(self, history: str) -> list[int]:
        """The tokens of the prompt. `history` tells of an item a line, the newest last; what does not fit is left out, oldest lines first."""
        room = self._room
        kept: list[list[int]] = []
        for line in reversed(history.split("\n")):
            tokens = self.line(line)
            if len(tokens) > room:
                kept += [tokens[:room]] if not kept else []
                break
            kept.append(tokens)
            room -= len(tokens)
        return [*self._before, *(token for tokens in reversed(kept) for token in tokens), *self._after]

    def line(self, text: str) -> list[int]:
        """The tokens of an item's line, its end included, at most `max_candidate_tokens`; none for a text that holds nothing to read."""
        readable = readable_text(text)
        return self.tokenizer.pieces(f"{readable}\n")[: self.max_candidate_tokens] if readable else []

    def lines(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each item's line."""
        return [self.line(text) for text in texts]
