"""Text made fit: for a terminal, for one line, for UTF-8, and no longer than anybody reads.

Used by whatever keeps or shows text of a job's own making. It writes nowhere.
"""

# Enough for any message that a person reads; a checkpoint of a million failures stays usable.
MOST_MESSAGE = 4_000
# Enough for a name, a place, a type.
MOST_SHORT = 500


def printable(text: str) -> str:
    """Return text for a terminal: control characters, which could move the cursor or worse, are shown as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, most: int) -> str:
    """Return text of at most so many characters, its middle left out: what went wrong often stands at the end."""
    if len(text) <= most:
        return text
    end = most // 3
    return f"{text[: most - end - 1]}…{text[-end:]}"


def in_one_line(text: str) -> str:
    """Return text with each stretch of spaces and line breaks as one space."""
    return " ".join(text.split())


def shorten(text: str, most: int) -> str:
    """Return text that UTF-8 can hold, its middle cut out where it is too long."""
    is_long = len(text) > 2 * most  # it may be very long, and is cut before it is looked at
    clean = readable(text[:most]) + readable(text[-most:]) if is_long else readable(text)
    if not is_long and len(clean) <= most:
        return clean
    half = most // 2
    return f"{clean[:half]}\n[… {max(len(text), len(clean)) - 2 * half} characters cut …]\n{clean[-half:]}"


def readable(text: str) -> str:
    """Return the text as it is, or, where UTF-8 can't hold it, with what is no character shown as an escape."""
    return text if str.isascii(text) else str(text).encode("utf-8", "backslashreplace").decode()
