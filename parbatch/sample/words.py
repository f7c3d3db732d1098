"""How the documents put figures and lists into words."""

import re
from collections.abc import Sequence

# XML 1.0 has no place for these, and messages of failed items may hold them.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

MILLION = 1_000_000
UNKNOWN = "–"  # noqa: RUF001 -- an en dash, as in printed tables


def printable(text: str, most: int = 400) -> str:
    """Return the text on one line, without what XML can't hold, cut at `most` characters."""
    line = " ".join(_CONTROLS.sub("\ufffd", text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def whole(number: int) -> str:
    """Return a count with thousands set apart, or a dash for 0, GeoNames' unknown."""
    return f"{number:,}" if number else UNKNOWN


def rough(number: int) -> str:
    """Return a count as it is said: `64.8 million`, `33,701`."""
    return f"{number / MILLION:,.1f} million" if number >= MILLION else f"{number:,}"


def density(value: float) -> str:
    """Return inhabitants a square kilometre, with decimals only where they matter."""
    if not value:
        return UNKNOWN
    if value < 0.01:
        return "< 0.01"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def percent(value: float) -> str:
    """Return a share of the population."""
    if not value:
        return UNKNOWN
    return "< 0.1 %" if value < 0.1 else f"{value:.1f} %"


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: `1 city`, `60 cities`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def series(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: `Ghana, Mali and Togo`."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def place(latitude: float, longitude: float) -> str:
    """Return coordinates in degrees."""
    return (
        f"{abs(latitude):.2f}° {'N' if latitude >= 0 else 'S'}, {abs(longitude):.2f}° {'E' if longitude >= 0 else 'W'}"
    )
