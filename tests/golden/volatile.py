"""What differs from run to run, and the marks that stand in its place in the expected files.

Everything else is compared to the letter. Runs are numbered in the order in which they are first seen, so that it is
still compared which run is meant.
"""

import json
import re
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import parbatch

_PACKAGE = re.escape(str(Path(parbatch.__file__).parent))
_PYTHON = re.escape(sysconfig.get_path("stdlib"))
_IN_PARBATCH = r"\g<bar>(in parbatch)\n"
# What stands where, in texts: a pattern, and what is written in its place.
_TEXTS = [
    (re.compile(pattern, re.MULTILINE), mark)
    for pattern, mark in (
        (r"\b\d+\.\d+ s\b|\b\d+ min \d\d s\b", "<time>"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00|Z)?", "<date>"),
        (r"\bpid:? \d+", "pid <pid>"),
        (r"^(?P<before> *# (?:host|python|parbatch|python-docx|lxml): ).*", r"\g<before><environment>"),
        (r"\bpeak \d+(?:\.\d)? [KMG]?B", "peak <size>"),
        (r"(?P<log>\.std(?:out|err)\.txt), \d+(?:\.\d)? [KMG]?B\b", r"\g<log>, <size>"),  # logs have pids in them
        (r"^(?P<before>[a-z]+\t\d+\t)\d+\.\d+\t", r"\g<before><time>\t"),  # a line of `list`
        (r"^[ |~^]*\^[ ~^]*\n", ""),  # the marks below a line of a traceback, which differ between Pythons
        # Frames that the job's code has called: where they lie inside parbatch or Python is not the job's matter.
        (rf'(?:^(?P<bar>[ |]*)File "{_PACKAGE}/[^"\n]*", line \d+, in .*\n(?:(?P=bar)  .*\n)?)+', _IN_PARBATCH),
        (rf'File "{_PYTHON}/(?P<file>[^"\n]*)", line \d+', r'File "<python>/\g<file>", line <line>'),
        (r"\bparbatch(?:\.[a-z_]+)+\.(?P<error>[A-Z]\w+)", r"parbatch.\g<error>"),
    )
]
_RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
# Values of these keys are figures of the machine or of the clock, in JSON.
_KEYS = frozenset(
    {
        "acquire_s", "cpu_s", "duration_s", "ended_at", "finished_at", "host", "lxml", "parbatch", "peak_memory_bytes",
        "pid", "platform", "python", "python-docx", "started_at",
    }
)  # fmt: skip
_WIDTH = 116


class Marks:
    """Puts the marks into what one scenario says: `here` is the folder it runs in."""

    def __init__(self, here: Path) -> None:
        self._here = str(here)
        self._runs: dict[str, int] = {}

    def text(self, text: str) -> str:
        """Return a text with marks for what is volatile in it."""
        text = _RUN.sub(self._run, text.replace(self._here, "<here>"))
        for pattern, mark in _TEXTS:
            text = pattern.sub(mark, text)
        return text

    def json(self, text: str) -> str:
        """Return JSON with marks, laid out so that it is short and a person can compare it."""
        value = json.loads(text)
        shown = "\n".join(_laid_out("", self._value(value), "", ""))
        usual = text.count("\n") == json.dumps(value, indent=2).count("\n") + 1 and text.endswith("}\n")
        return f"{shown}\n" if usual else f"(on {text.count(chr(10))} lines)\n{shown}\n"

    def _run(self, found: re.Match[str]) -> str:
        return f"<run {self._runs.setdefault(found[0], len(self._runs) + 1)}>"

    def _value(self, value: Any, key: str = "") -> Any:
        if key in _KEYS and (value is not None or key == "peak_memory_bytes"):  # of a dead worker it is seldom known
            return f"<{key}>"
        if key in {"stdout", "stderr"} and isinstance(value, Mapping):  # a log, which has pids in it
            value = {**value, "size": "<size>"}
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(name): self._value(inner, name) for name, inner in value.items()}
        return [self._value(inner) for inner in value] if isinstance(value, list) else value


def _laid_out(name: str, value: Any, indent: str, comma: str) -> Iterator[str]:
    """The lines of a value: on one line where there is room, a text of several lines as they are."""
    begin = f"{indent}{name}"
    if isinstance(value, str) and "\n" in value:
        yield f'{begin}"""'
        yield from (f"{indent}  {line}".rstrip() for line in value.removesuffix("\n").split("\n"))
        yield f'{indent}"""{comma}'
        return
    line = f"{begin}{json.dumps(value, ensure_ascii=False)}{comma}"
    if not isinstance(value, (dict, list)) or (len(line) <= _WIDTH and not _has_lines(value)):
        yield line
        return
    inner = [("", one) for one in value]
    opening, closing = "[]"
    if isinstance(value, dict):
        inner = [(f"{json.dumps(key)}: ", one) for key, one in value.items()]
        opening, closing = "{}"
    yield f"{begin}{opening}"
    for number, (key, one) in enumerate(inner, start=1):
        yield from _laid_out(key, one, f"{indent}  ", "," if number < len(inner) else "")
    yield f"{indent}{closing}{comma}"


def _has_lines(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_lines, value.values()))
    return "\n" in value if isinstance(value, str) else isinstance(value, list) and any(map(_has_lines, value))
