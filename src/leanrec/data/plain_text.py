"""Plain text: any string made fit to be read by a tokenizer; no Polars, so that catalogues and questions are read alike."""

import html
import re

MAX_CHARACTERS = 100_000
"""Longer texts are cut here before they are split into tokens: ten megabytes of text cost no more than this."""

_TAG = re.compile(r"</?[A-Za-z][^<>]{0,300}>|<!--.{0,1000}?-->", flags=re.DOTALL)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Zero-width joiners stay: emoji and Persian are written with them.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u00ad\u200b\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff]+")
_SPACES = re.compile(r"\s+")


def readable_text(text: str) -> str:
    r"""The text without control characters, halves of characters and doubled spaces; cut at `MAX_CHARACTERS`; empty when nothing is left.

    >>> readable_text(" a\x00\tb\n\ud800 \U0001f469\u200d\U0001f52c ")
    'a b � 👩‍🔬'
    """
    whole = _SURROGATE.sub("\ufffd", text[:MAX_CHARACTERS])
    return _SPACES.sub(" ", _CONTROL.sub(" ", whole)).strip()


def plain_text(text: str) -> str:
    """What a web page shows of a text: HTML decoded, tags taken out, then as `readable_text`.

    >>> plain_text("Tom &amp; Jerry<br/><b>uncut</b>, 3 < 4")
    'Tom & Jerry uncut , 3 < 4'
    """
    return readable_text(_TAG.sub(" ", html.unescape(text[:MAX_CHARACTERS])))
