"""The words of a title, in any writing; no Polars, so that the running side cuts words alike."""

import html
import re
import unicodedata

# Writing without spaces: Chinese characters and kana.
_UNSPACED = r"\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUNS = re.compile(rf"([{_UNSPACED}]+)|[^\W_{_UNSPACED}]+")


def title_words(title: str) -> list[str]:
    """The words of a title in lower case; text without spaces gives its pairs of characters.

    >>> title_words("L&#39;Or&eacute;al Color &amp; Shine 3D")
    ['l', 'oréal', 'color', 'shine', '3d']
    >>> title_words("東京の夜 Live 夜")
    ['東京', '京の', 'の夜', 'live', '夜']
    """
    words = []
    for run in _RUNS.finditer(unicodedata.normalize("NFKC", html.unescape(title)).lower()):
        text = run.group()
        words += [text] if run.group(1) is None or len(text) == 1 else [text[start : start + 2] for start in range(len(text) - 1)]
    return words
