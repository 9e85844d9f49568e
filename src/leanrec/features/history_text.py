"""The text of a history: what language models read of somebody, the same in training, in benchmarks and in answers."""

from collections.abc import Sequence


def history_text(texts: Sequence[str], *, words: str = "", num_items: int = 10) -> str:
    r"""The newest items, a line each, oldest first; then what the user asks for in their own words.

    >>> history_text(["Kettle", "", "Teapot", "Ladle"], words="something for tea", num_items=3)
    'Teapot\nLadle\nsomething for tea'
    """
    lines = [" ".join(text.split()) for text in (*texts[-num_items:], words)]
    return "\n".join(line for line in lines if line)
