"""Text made fit for a terminal and for what is kept."""

from parbatch.model.text import in_one_line, printable, shorten, shortened


def test_names_of_every_script_stay_what_they_are() -> None:
    assert printable("Łódź 北京 Ελλάδα 😀") == "Łódź 北京 Ελλάδα 😀"


def test_what_could_move_a_cursor_is_shown_as_an_escape() -> None:
    assert printable("a\x1b[2Jb\n") == "a\\x1b[2Jb\\n"


def test_a_long_text_loses_its_middle_and_keeps_its_end() -> None:
    assert shortened("abcdefghij", 7) == "abcd…ij"
    cut = shorten("a" * 50 + "b" * 50, 20)
    assert (cut[:10], cut[-10:]) == ("a" * 10, "b" * 10)
    assert "80 characters cut" in cut


def test_what_utf_8_cannot_hold_is_an_escape() -> None:
    assert shorten("\udcff", 20) == "\\udcff"


def test_line_breaks_become_spaces() -> None:
    assert in_one_line(" a\n b\tc ") == "a b c"
