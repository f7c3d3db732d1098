"""File names from ids: safe everywhere, never the same for two ids."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from parbatch.model.file_names import MAX_STEM_BYTES, folded, is_safe, marked_stem, stem

# Text in which what is dangerous in a file name is common.
_TRICKY = st.sampled_from(
    [*'aAeEß\u017f./\\:*?"<>|~ _-', "\x00", "\x1f", "\x7f", "\u0301", "é", "E\u0301", "\u202e", "Å", "😀"]
)
IDS = st.one_of(
    st.text(min_size=1),
    st.lists(_TRICKY, min_size=1, max_size=12).map("".join),
    st.sampled_from(["con", "NUL.txt", "lpt1", "COM¹", "..", ".", "a.", " a", "a ", "../x", "x" * 400, "é" * 200]),
)

_WINDOWS_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"
}


def as_a_mac_sees(name: str) -> str:
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def as_windows_sees(name: str) -> str:
    return name.upper()


@given(IDS)
def test_a_stem_is_a_file_name_on_every_system(item_id: str) -> None:
    name = stem(item_id)
    assert name
    assert len(name.encode()) <= MAX_STEM_BYTES + 1  # one for the mark before a device name
    assert not set(name) & set('<>:"/\\|?*')
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in name)
    assert name[0] not in ". "
    assert name[-1] not in ". "
    assert name.split(".")[0].rstrip(" ").casefold() not in _WINDOWS_DEVICES
    assert unicodedata.normalize("NFC", name) == name


@given(IDS)
def test_a_safe_id_is_its_own_stem_and_every_other_is_marked(item_id: str) -> None:
    if is_safe(item_id):
        assert stem(item_id) == item_id
        assert "~" not in item_id
    else:
        assert "~" in stem(item_id)


@pytest.mark.parametrize("disk", [str, as_a_mac_sees, as_windows_sees, folded])
@given(first=IDS, second=IDS)
def test_two_ids_never_share_a_stem(disk: Callable[[str], str], first: str, second: str) -> None:
    """Except for safe ids that differ in case alone, which the source separates because it sees all ids."""
    assume(first != second)
    assume(not (is_safe(first) and is_safe(second)))
    assert disk(stem(first)) != disk(stem(second))


@given(IDS, IDS)
def test_a_marked_stem_is_never_another_ids_stem(first: str, second: str) -> None:
    assume(first != second)
    assert folded(marked_stem(first)) not in {folded(stem(second)), folded(marked_stem(second))}


@given(IDS)
def test_a_stem_depends_on_the_id_alone(item_id: str) -> None:
    assert stem(item_id) == stem(item_id)
    assert marked_stem(item_id) == marked_stem(item_id)


CASED = st.text("aAsSßẞ\u017fiIİjJ\u030cΐΐ\u03c3ΣςéÉµμ", min_size=1, max_size=3).filter(is_safe)


@given(CASED, CASED)
def test_safe_ids_that_a_disk_takes_for_one_fold_alike(first: str, second: str) -> None:
    if as_a_mac_sees(first) == as_a_mac_sees(second):
        assert folded(first) == folded(second)


@pytest.mark.parametrize("item_id", ["ada", "item-001", "Łódź", "北京", "côte d'ivoire", "v1.2", "a b", "x" * 180])
def test_what_people_use_as_ids_is_kept_as_it_is(item_id: str) -> None:
    assert stem(item_id) == item_id


@pytest.mark.parametrize(
    ("item_id", "start"),
    [
        ("../../etc/passwd", "_.._etc_passwd~"),
        ("a/b", "a_b~"),
        ("a\\b", "a_b~"),
        ("..", "item~"),
        ("con", "_con~"),
        ("LPT1.docx", "_LPT1.docx~"),
        ("a.", "a~"),
        ("what?", "what_~"),
        ("tab\there", "tab_here~"),
        ("right\u202eleft", "right_left~"),
        ("x" * 181, "xxx"),
    ],
)
def test_an_unsafe_id_stays_readable_in_its_stem(item_id: str, start: str) -> None:
    assert stem(item_id).startswith(start)


def test_the_digest_is_long_enough_that_many_long_ids_do_not_meet() -> None:
    """A million ids that share their readable part: 40 bits would let two of them meet in one of three runs."""
    prefix = "x" * MAX_STEM_BYTES
    digest = marked_stem(f"{prefix}1").rpartition("~")[2]
    assert len(digest) * 4 >= 64
