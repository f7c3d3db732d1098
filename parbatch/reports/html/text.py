"""Text from items, made fit for a report: short enough, and without what could hide, move or command."""

import re
from html import escape

from parbatch.storage.logs import Logs

# Escape sequences of terminals: CSI, OSC (up to its end or the line's), and those of two characters.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-Z\\^-~])")
# Control characters, marks that change the direction of what follows, line separators, and what is no character.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff\ufffe\uffff]"
)
# What an XML 1.0 document can't hold (Extensible Markup Language, section 2.2), and C1 controls.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def visible(text: str) -> str:
    """Text whose control and direction characters are shown as escapes; newlines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode(), plain(text))


def markup(text: str, most: int = 400) -> str:
    """Text for an HTML page: shortened, its control characters shown, escaped."""
    return escape(visible(shorten(text, most)))


def for_xml(text: str) -> str:
    """Text that an XML document can hold: what it can't is dropped."""
    return text if text.isascii() and text.isprintable() else _NOT_XML.sub("", plain(text))


def plain(text: str) -> str:
    """Text without terminals' escape sequences, its lines ended by newlines alone."""
    return _ANSI.sub("", text.replace("\r\n", "\n")).replace("\r", "\n")


def shorten(text: str, most: int) -> str:
    """Text of about that many characters, its middle cut out and the cut told."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}[… {len(text) - 2 * half} characters cut …]{text[-half:]}"


def tail(logs: Logs, path: str, most: int) -> str:
    """Return the end of a log in so many bytes, with what is not text replaced; empty where it can't be read."""
    try:
        piece, size = logs.tail(path, most)
    except OSError:
        return ""
    told = f"[… {size - most} bytes before this, in the log …]\n" if size > most else ""
    return told + piece.decode("utf-8", "replace")
