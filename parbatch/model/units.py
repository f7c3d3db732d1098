"""Sizes and durations: what people type, in bytes and seconds, and back.

Used wherever such a value is read or shown. It is pure.
"""

import re

from parbatch.errors import DataError

_SIZE_UNITS = {"": 1, "B": 1}
for _power, _letter in enumerate("KMGT", start=1):
    # As in Docker, Java and psutil's own helpers, a KB of memory is 1024 bytes here, like a KiB.
    _SIZE_UNITS |= {_letter: 1024**_power, f"{_letter}B": 1024**_power, f"{_letter}IB": 1024**_power}

_MOST_BYTES = 2**63  # what the system's own limits can hold

_DURATION_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER_AND_UNIT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")
# A number alone, or numbers that each have a unit; no number can be split in two ways, which would take forever.
_DURATION = re.compile(r"\s*\d+(?:\.\d+)?\s*|\s*(?:\d+(?:\.\d+)?\s*[a-zA-Z]+\s*)+")


def parse_size(text: str | int, what: str = "memory") -> int:
    """Return the bytes in a size such as `512MB`, `1.5 GB` or `1073741824`. K, M, G and T are powers of 1024.

    Raises DataError for anything else, and for less than one byte.
    """
    match = _NUMBER_AND_UNIT.fullmatch(str(text))
    unit = match[2].upper() if match else ""
    count = float(match[1]) * _SIZE_UNITS.get(unit, 0) if match and not isinstance(text, bool) else 0.0
    if not 1 <= count < _MOST_BYTES:
        raise DataError(f"{what}: {text!r} is not a size. Write a number with a unit, such as 512MB or 1.5GB.")
    return int(count)


def parse_duration(text: str | float, what: str = "timeout") -> float:
    """Return the seconds in a duration such as `90`, `1.5`, `250ms`, `10m`, `8h` or `1h30m`.

    Raises DataError for anything else, and for zero.
    """
    pieces = re.findall(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)", str(text))
    whole = _DURATION.fullmatch(str(text))
    units_known = all(unit.lower() in _DURATION_UNITS for _, unit in pieces)
    if isinstance(text, bool) or not whole or not units_known:
        raise DataError(f"{what}: {text!r} is not a duration. Write seconds, or a unit: 90, 250ms, 10m, 1h30m.")
    seconds = sum(float(number) * _DURATION_UNITS[unit.lower()] for number, unit in pieces)
    if seconds <= 0:
        raise DataError(f"{what}: {text!r} is not a duration above zero. Leave it out for no limit.")
    return seconds


def format_duration(seconds: float) -> str:
    """Return a duration for people: `0.6 s`, `42.0 s`, `11 min 05 s`, `2 h 03 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def counted(count: int, word: str) -> str:
    """Return a count with its word: `1 item`, `2 items`, `1,000,000 items`, `3 entries`."""
    if count != 1:
        word = f"{word[:-1]}ies" if word.endswith("ry") else f"{word}s"
    return f"{count:,} {word}"


def format_size(count: float) -> str:
    """Return a size for people: `512 B`, `1.5 MB`, `2.0 GB`, in powers of 1024."""
    size = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"


def format_figure(number: float) -> str:
    """Return a figure of unknown kind for people: `1,234.5`, up to twelve digits, so that 0.1 + 0.2 is 0.3."""
    return f"{number:,.12g}"
