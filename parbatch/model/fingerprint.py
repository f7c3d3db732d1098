"""Fingerprints of failures, equal for one problem: of status, type, place in the code, message without particulars.

Computed once an outcome that is not ok is final; retries and reports group by it. It is pure.
"""

import re
from functools import cache
from hashlib import blake2b

from parbatch.model.problem import Evidence
from parbatch.model.text import in_one_line

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_DAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? +)?"
_TIME = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\b\.?)?(?: ?(?:Z|UTC|GMT|[A-Z]{3,4}|[+-]\d\d:?\d\d)\b)?"
_PIECE = r"[\w.~@+%=#-]*[\w~@+%=#-]"

# Each with its stand-in, in this order: what is made of others comes before them. Whether an identifier is all digits
# is chance, so hexadecimal ones and the like stand for the same as numbers.
_PARTICULARS = (
    (r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>)\]},;]+", "<url>"),
    (r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", "<address>"),
    (rf"\b\d{{4}}-\d\d-\d\d(?:[T ,]+{_TIME})?", "<date>"),
    (rf"(?<![\w.])\d{{1,4}}[./]\d{{1,2}}[./]\d{{1,4}}\b(?!\.\d)(?:,? {_TIME})?", "<n>"),
    (rf"\b{_DAY}\d{{1,2}}(?:st|nd|rd|th)?\.?[ -]{_MONTH}[ -]\d{{2,4}}(?:,? {_TIME})?", "<date>"),
    (rf"\b{_DAY}{_MONTH} +\d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?(?:,? {_TIME}(?: \d{{4}})?)?", "<date>"),
    (rf"\b{_TIME}", "<time>"),
    (r"(?:\b[A-Za-z]:|(?<![\w\\])\\)(?:[/\\]+" + _PIECE + r")+[/\\]?", "<path>"),
    (r"(?<![\w<>/.])(?:\.{1,2}|~)?(?:/" + _PIECE + r")+/?", "<path>"),
    (r"(?<![\w<>/\\.])(?:" + _PIECE + r"[/\\])+" + _PIECE + r"\.\w{1,5}\b", "<path>"),
    (r"\b(?:[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|0[xX][0-9A-Fa-f]+)\b", "<n>"),
    (r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,}[0-9A-Fa-f]{0,4}(?![\w:])", "<n>"),  # IPv6, hardware addresses
    (r"\b(?=[0-9a-f]*\d|[0-9a-f]{16})[0-9a-f]{6,}\b", "<n>"),
    (r"\b(?=[A-Z0-9]*\d)[A-Z0-9]{4,}\b", "<n>"),  # as order numbers are
    (r"\b(?=\w*\d)(?=\w*[A-Za-z])\w{8,}\b", "<n>"),
    (r"(?<![\w-])[-+]?\d+(?:[.,_'\u00a0\u202f]\d+)*(?:[eE][-+]?\d+)?\s?(?:[kKMGTP]i?B|[Bb]ytes?|B)\b", "<size>"),
    (r"\b\d+(?:st|nd|rd|th)\b", "<n>"),
    (r"(?<![\w-])[-+](?=\d)", ""),
    (r"\d+(?:[.,_'\u00a0\u202f]\d+)*(?:[eE][-+]?\d+\b)?", "<n>"),
)
_QUOTED = re.compile(
    r"""(?<!\w)(?:'[^'\n]*'|"[^"\n]*"|`[^`\n]*`|“[^”\n]*”|„[^“”\n]*[“”]|\u2018[^\u2019\n]*\u2019|«[^»\n]*»)(?!\w)"""
)
# What these put into quotes are names from the code, and no two of them are the same mistake.
_QUOTING_CODE = ("AttributeError", "ImportError", "ModuleNotFoundError", "NameError", "TypeError", "UnboundLocalError")
# At which moment a recursion gets too deep is chance, and Python says what it was doing then.
_DEPTH = re.compile(r"(?<=maximum recursion depth exceeded) (?:while|in) [^;\n]*")
# Ids that are words as well: an item called "a" must not be the only one whose "not a number" is itself.
_WORDS = frozenset({"a", "an", "and", "as", "at", "be", "by", "for", "from", "has", "i", "if", "in", "is", "it", "no",
                    "not", "of", "on", "or", "than", "that", "the", "to", "was", "with"})  # fmt: skip
# The beginning of a message says what the problem is, and one of any length must not take long to look through.
_MOST_READ, _MOST_COMPARED = 2_000, 500


def fingerprint(status: str, evidence: Evidence, item_id: str, name: str) -> str:
    """Return eight hexadecimal digits, equal for failures that differ only in numbers, paths, dates and ids."""
    text = "\n".join(
        (
            status,
            evidence.type,
            _place(status, evidence),
            general(evidence.message, item_id, name, quoted=evidence.type.rpartition(".")[2] not in _QUOTING_CODE),
        )
    )
    return blake2b(text.encode(), digest_size=4).hexdigest()


def _place(status: str, evidence: Evidence) -> str:
    """Return as much of the place in the job's code as says what the problem is.

    Where an attempt was when its time was up is chance; where it was when its memory was full or it crashed, nearly so.
    """
    if status == "timeout":
        return ""
    return evidence.place if status in {"memory", "crashed"} else f"{evidence.place}:{evidence.line}"


@cache
def _particulars() -> list[tuple[re.Pattern[str], str]]:
    """Return the particulars, compiled with the first failure: a run without any starts sooner."""
    return [(re.compile(pattern), stand_in) for pattern, stand_in in _PARTICULARS]


def general(message: str, item_id: str, name: str, *, quoted: bool = True) -> str:
    """Return a message with its particulars taken out; what stands in quotes is one, unless `quoted` is false."""
    message = _DEPTH.sub("", in_one_line(message[:_MOST_READ]))  # where a line breaks is as chancy as a number
    for particular in sorted({item_id, name} - _WORDS, key=len, reverse=True):
        if particular.isdecimal():
            continue  # a number like any other: an item called 3 must not be the only one whose "3 columns" is itself
        message = re.sub(rf"(?<!\w){re.escape(particular)}(?!\w)", "<item>", message)
    if quoted:
        message = _QUOTED.sub("<name>", message)
    for pattern, stand_in in _particulars():
        message = pattern.sub(stand_in, message)
    return message[:_MOST_COMPARED]
