"""Text of the job's own making, such as a message, as it can be kept: valid UTF-8, and no longer than anybody reads."""

# Enough for any message that a person reads; a checkpoint of a million failures stays usable.
MOST_MESSAGE = 4_000
# Enough for a name, a place, a type.
MOST_SHORT = 500


def shorten(text: str, most: int) -> str:
    """Text that UTF-8 can hold, its middle cut out where it is too long."""
    is_long = len(text) > 2 * most  # it may be very long, and is cut before it is looked at
    clean = readable(text[:most]) + readable(text[-most:]) if is_long else readable(text)
    if not is_long and len(clean) <= most:
        return clean
    half = most // 2
    return f"{clean[:half]}\n[… {max(len(text), len(clean)) - 2 * half} characters cut …]\n{clean[-half:]}"


def readable(text: str) -> str:
    """The text as it is, or, where UTF-8 can't hold it, with what is no character shown as an escape."""
    return text if str.isascii(text) else str(text).encode("utf-8", "backslashreplace").decode()
