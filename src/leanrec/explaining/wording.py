"""Wording: the forms in which a value may be said, as patterns over folded text; each form says the value and nothing more."""

import re
from collections.abc import Iterable, Sequence

from leanrec.explaining.fact_values import Value, folded

FLAGS = re.ASCII | re.IGNORECASE
"""Letters of other scripts are never taken for ours, whatever they look like."""
NEVER = r"(?!)"
"""Matches nothing: the pattern of a fact that the record lacks."""
AND = r"(?:, and |, | and | & | > )"

_MEASURE = re.compile(
    r"(?:, | - | \(| )\d[\d.,/]*[ -]?(?:fluid |fl\.? ?)?(?:ounces?|oz|ml|l|g|kg|mg|pcs|pieces|count|inch(?:es)?|cm|mm)\.?\)?$", FLAGS
)
_UNITS = {
    "$": ("$@", "@ dollars"),
    "USD": ("$@", "@ USD", "USD @", "@ dollars", "@ US dollars"),
    "€": ("€@", "@ €", "@€", "@ euros", "@ euro", "@ EUR", "EUR @"),
    "£": ("£@", "@ £", "@ GBP", "GBP @", "@ pounds"),
    "¥": ("¥@", "@ ¥"),
    "JPY": ("¥@", "@ JPY", "JPY @", "@ yen"),
    "₹": ("₹@", "@ INR", "INR @", "@ rupees"),
    "CHF": ("@ CHF", "CHF @", "@ Swiss francs"),
    "CNY": ("@ CNY", "CNY @", "@ yuan"),
}
_SAME_UNITS = {"EUR": "€", "GBP": "£", "INR": "₹"}


def one_of(forms: Iterable[str]) -> str:
    """Any of the patterns, the longest first so that a part is not taken for the whole; never, where there are none."""
    found = sorted(dict.fromkeys(form for form in forms if form != NEVER), key=len, reverse=True)
    return f"(?:{'|'.join(found)})" if found else NEVER


def listed(form: str) -> str:
    """One or several of the same, parted by commas or `and`."""
    return NEVER if form == NEVER else f"{form}(?:{AND}{form}){{0,9}}"


def literal(text: str) -> str:
    """Exactly these letters; `&` may be said as `and`."""
    return re.escape(folded(text)).replace(r"\ \&\ ", r"\ (?:\&|and)\ ").replace(r"\ ", " ")


def said(value: Value) -> str:
    """The value in plain words or in quotation marks; one that needs them only in those, letter by letter."""
    exact = literal(value.text)
    return f'"(?-i:{exact})"' if value.needs_quotes else f"(?:{exact}|\"{exact}\"|'{exact}')"


def counted(value: Value) -> str:
    """A common noun in singular or plural; anything else as `said`."""
    last = value.text.rsplit(" ", 1)[-1]
    if value.needs_quotes or not last.isalpha() or not last.isascii() or len(last) < 4:
        return said(value)
    stem = value.text[:-1] if last.endswith("s") and not last.endswith(("ss", "us", "is")) else value.text
    ending = "(?:es)?" if stem.endswith(("sh", "ch", "x", "s", "z")) else "s?"
    return one_of([said(value), f"{literal(stem)}{ending}"])


def short_name(value: Value) -> Value | None:
    """A title without the measure at its end, which says how much and not what; none where there is no such measure."""
    short = _MEASURE.sub("", value.text).strip(" ,")
    return Value(text=short, needs_quotes=value.needs_quotes) if short != value.text and len(short.split()) > 1 else None


def figure(value: Value) -> str:
    """A number with or without signs for thousands and zeros at its end; words as `said`.

    >>> bool(re.fullmatch(figure(Value(text="1234.5")), "1,234.50")), bool(re.fullmatch(figure(Value(text="12")), "12.5"))
    (True, False)
    """
    match = re.fullmatch(r"(-?)(\d+)(?:\.(\d+))?", value.text)
    if match is None:
        return said(value)
    sign, whole, decimals = match.groups()
    grouped = ",?".join(re.findall(r"\d{1,3}(?=(?:\d{3})*$)", whole))
    if decimals is None:
        return rf"{sign}{grouped}(?:\.00?)?"
    return rf"{sign}{grouped}\.{decimals}{'0?' if len(decimals) == 1 else ''}"


def price(value: Value) -> str:
    """An amount with its currency; without one where the record tells none."""
    if not value.unit:
        return figure(value)
    unit = _SAME_UNITS.get(value.unit, value.unit)
    forms = _UNITS.get(unit, (f"@ {unit}", f"{unit} @"))
    return one_of(re.escape(form).replace(r"\ ", " ").replace("@", figure(value)) for form in forms)


def price_words(value: Value) -> str:
    """How the template says an amount.

    >>> price_words(Value(text="12.5", unit="$")), price_words(Value(text="12", unit="SEK")), price_words(Value(text="12"))
    ('$12.50', '12 SEK', '12')
    """
    whole, point, decimals = value.text.partition(".")
    amount = f"{whole}.{decimals.ljust(2, '0')}" if point else whole
    return f"{value.unit}{amount}" if value.unit in ("$", "€", "£", "¥", "₹") else f"{amount} {value.unit}".strip()


def joined(words: Sequence[str]) -> str:
    """A list as it is said.

    >>> joined(["a"]), joined(["a", "b"]), joined(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
