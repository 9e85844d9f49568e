"""Corpus: a shop's own texts, cleaned, each once, with a share held out; whatever is left out is counted."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

from pydantic import Field

from leanrec.config import Config
from leanrec.data.plain_text import plain_text
from leanrec.errors import DataError, MissingExtraError
from leanrec.features.corpus_duplicates import near_duplicates

ENGLISH = "english"
"""Among stop words: scikit-learn's English list."""
MIN_REPEATS = 20
"""A sentence that stands in fewer texts than this is no boilerplate, however few texts there are."""

_IDEOGRAPHS = r"\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|(?:(?![{_IDEOGRAPHS}])[^\W_])+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")


class CorpusConfig(Config):
    """What of the texts is kept, and how much of it is held out."""

    min_words: int = Field(default=3, ge=1)
    """A text of fewer words is left out."""
    near_duplicates: float = Field(default=0.8, ge=0.7, le=1)
    """A text whose runs of three words overlap with another's by this share (Jaccard) or more is left out; 1: only equal ones are."""
    boilerplate_share: float = Field(default=0.05, gt=0, le=1)
    """A sentence that stands in more than this share of the texts, and in 20 at least, is taken out of them all; 1: none is."""
    boilerplate_words: int = Field(default=8, ge=1)
    """A shorter sentence is no boilerplate: categories recur, and tell something."""
    stop_words: tuple[str, ...] = ()
    """Words taken out of every text; `english` stands for scikit-learn's list. Empty: none, as language models want it."""
    max_documents: int | None = Field(default=None, ge=3)
    """Texts kept at most, drawn by their hash; absent: all."""
    held_out: float = Field(default=0.1, gt=0, lt=1)
    """Share of the texts that is not learned from: half of it validates, half is read at the end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CorpusReport:
    """What became of the texts; counts of texts unless the name says otherwise."""

    num_read: int
    num_empty: int
    """Nothing to read in them."""
    num_short: int
    """Fewer words than asked for, after everything else was taken out."""
    num_equal: int
    """The same as another but for case and punctuation."""
    num_near: int
    """Almost the same as another."""
    num_beyond: int
    """More than `max_documents`."""
    num_boilerplate: int
    """Sentences taken out."""
    num_stop_words: int
    """Words taken out."""
    num_train: int
    num_valid: int
    num_test: int

    def to_dict(self) -> dict[str, int]:
        """Every count by name."""
        return asdict(self)

    def describe(self) -> str:
        """One sentence with what was left out and why."""
        dropped = {"empty": self.num_empty, "too short": self.num_short, "equal to another": self.num_equal, "nearly so": self.num_near}
        dropped |= {"beyond max_documents": self.num_beyond}
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items() if count) or "none"
        return f"{self.num_read:,} texts read; left out: {reasons}; {self.num_train:,} to learn from, {self.num_valid:,} + {self.num_test:,} held out"


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Texts to learn from, to validate on and to report on, each in the order of their hashes: the order of the files decides nothing."""

    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]
    report: CorpusReport

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over all texts and their parts."""
        digest = hashlib.sha256()
        for part in (self.train, self.valid, self.test):
            digest.update(f"{len(part)} ".encode())
            for text in part:
                digest.update(f"{text}\n".encode())
        return digest.hexdigest()


def make_corpus(texts: Iterable[str], config: CorpusConfig | None = None) -> Corpus:
    """Clean the texts, keep each once and hold some out, by the hash of their words.

    Of equal or nearly equal texts the longest stays, so that none is learned from whose copy is held out.
    Raises `DataError` when too few are left for the three parts.
    """
    config = config or CorpusConfig()
    read = [plain_text(text) for text in texts]
    full = [text for text in read if text]
    told, num_boilerplate = without_boilerplate(full, share=config.boilerplate_share, min_words=config.boilerplate_words)
    bare, num_stop_words = without_words(told, config.stop_words)
    long = [text for text in bare if len(words_of(text)) >= config.min_words]
    distinct = _one_of_each(long)
    keys = sorted(distinct, key=lambda key: (-len(key), key))
    copies = near_duplicates([key.split() for key in keys], similarity=config.near_duplicates) if config.near_duplicates < 1 else [False] * len(keys)
    kept = [key for key, is_copy in zip(keys, copies, strict=True) if not is_copy]
    drawn = sorted(kept, key=_hash)[: config.max_documents]
    parts = _parted(drawn, share=config.held_out)
    report = CorpusReport(
        num_read=len(read),
        num_empty=len(read) - len(full),
        num_short=len(bare) - len(long),
        num_equal=len(long) - len(distinct),
        num_near=len(distinct) - len(kept),
        num_beyond=len(kept) - len(drawn),
        num_boilerplate=num_boilerplate,
        num_stop_words=num_stop_words,
        num_train=len(parts[0]),
        num_valid=len(parts[1]),
        num_test=len(parts[2]),
    )
    if not all(parts):
        raise DataError(
            f"too few texts to learn from and hold some out: {report.describe()}", hint="give more texts, lower min_words, or raise held_out"
        )
    train, valid, test = (tuple(distinct[key] for key in part) for part in parts)
    return Corpus(train=train, valid=valid, test=test, report=report)


def words_of(text: str) -> list[str]:
    """The words of a text without case and punctuation; an ideograph or kana is a word.

    >>> words_of("Quick-dry, 15 ML! 電動")
    ['quick', 'dry', '15', 'ml', '電', '動']
    """
    return _WORD.findall(text.casefold())


def without_boilerplate(texts: Sequence[str], *, share: float, min_words: int) -> tuple[list[str], int]:
    """The texts without sentences of `min_words` or more that stand in more than `share` of them, and how many sentences went."""
    parted = [[sentence for sentence in _SENTENCE_END.split(text) if sentence] for text in texts]
    keyed = [[(sentence, words_of(sentence)) for sentence in sentences] for sentences in parted]
    counts = Counter(key for sentences in keyed for key in {" ".join(words) for _, words in sentences if len(words) >= min_words})
    allowed = max(MIN_REPEATS, share * len(texts))
    common = {key for key, count in counts.items() if count > allowed} if share < 1 else set()
    kept = [[sentence for sentence, words in sentences if " ".join(words) not in common] for sentences in keyed]
    return [" ".join(sentences) for sentences in kept], sum(map(len, parted)) - sum(map(len, kept))


def without_words(texts: Sequence[str], stop_words: Sequence[str]) -> tuple[list[str], int]:
    """The texts without the stop words, whatever their case, and how many went; punctuation stays where it stood."""
    unwanted = {word.casefold() for word in stop_words if word != ENGLISH} | (_english() if ENGLISH in stop_words else set())
    if not unwanted:
        return list(texts), 0
    taken = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal taken
        is_stop = match.group().casefold() in unwanted
        taken += is_stop
        return "" if is_stop else match.group()

    return [plain_text(_WORD.sub(replace, text)) for text in texts], taken


def _english() -> set[str]:
    try:
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
    except ImportError:
        raise MissingExtraError("the English stop words come from scikit-learn", hint="pip install 'leanrec[train]', or name the words") from None
    return set(ENGLISH_STOP_WORDS)


def _one_of_each(texts: Sequence[str]) -> dict[str, str]:
    """Words -> the text; of those with the same words the longest, of these the first in the alphabet."""
    found: dict[str, str] = {}
    for text in sorted(texts, key=lambda text: (-len(text), text)):
        found.setdefault(" ".join(words_of(text)), text)
    return found


def _parted(keys: Sequence[str], *, share: float) -> tuple[list[str], list[str], list[str]]:
    """Train, valid and test, decided by each text's own hash."""
    train: list[str] = []
    valid: list[str] = []
    test: list[str] = []
    for key in keys:
        place = int(_hash(f"part {key}")[:12], 16) / 16**12
        (test if place < share / 2 else valid if place < share else train).append(key)
    return train, valid, test


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
