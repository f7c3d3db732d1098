"""Text from items in a report: nothing in it hides, moves or commands."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch.reports.html.text import for_xml, shorten, tail, visible
from parbatch.storage.folder import Folder
from parbatch.storage.logs import Logs


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain", "plain"),
        ("été 中文 👩‍🚀", "été 中文 👩‍🚀"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("nul\x00", "nul\\x00"),
        ("abc\u202egnp.exe", "abc\\u202egnp.exe"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b]8;;http://x\x1b\\link \x1b(B", "red  link "),
        ("10 %\r50 %\r\ndone", "10 %\n50 %\ndone"),
    ],
)
def test_what_can_not_be_seen_is_shown_and_what_commands_terminals_is_dropped(text: str, seen: str) -> None:
    assert visible(text) == seen


@given(st.text())
def test_no_control_character_comes_through(text: str) -> None:
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in visible(text).replace("\n", "").replace("\t", ""))
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in for_xml(text).replace("\n", "").replace("\t", ""))


@given(st.text(max_size=100), st.integers(2, 40))
def test_a_short_text_stays_and_a_long_one_keeps_both_ends(text: str, most: int) -> None:
    short = shorten(text, most)
    assert short == text if len(text) <= most else short.startswith(text[: most // 2])
    assert len(short) <= most + 40


def test_the_end_of_a_log_tells_what_came_before(tmp_path: Path) -> None:
    logs = Logs(Folder(tmp_path))
    (tmp_path / "log").write_bytes(b"x" * 90 + b"\xff the end")
    assert tail(logs, "log", 9) == "[… 90 bytes before this, in the log …]\n� the end"
    assert tail(logs, "log", 1000).startswith("xxx")
    assert tail(logs, "none", 10) == ""
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert tail(logs, "link", 10) == ""
