"""A baseline's file: whole or computed anew, by one process at a time, never outside its folder."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch import Job
from parbatch.errors import JobError
from parbatch.model.file_names import folded
from parbatch.model.json_values import NotJSONError
from parbatch.worker.baseline import baseline_file, obtain


def computed(path: Path, value: Any) -> tuple[Any, bool]:
    """The baseline in the file, and whether it was computed for this."""
    calls = []

    def compute() -> Any:
        calls.append(1)
        return value

    return obtain(path, "k", compute), bool(calls)


def test_it_is_computed_once_and_read_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "baselines" / "k.json"
    value = {"bread": 2.5, "list": [None, "é", 10**30]}
    assert computed(path, value) == (value, True)
    assert computed(path, "another") == (value, False)


@pytest.mark.parametrize("value", [None, False, 0, ""])
def test_a_value_that_counts_as_false_is_kept_like_any_other(tmp_path: Path, value: Any) -> None:
    assert [computed(tmp_path / "k.json", value) for _ in range(2)] == [(value, True), (value, False)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:-5],
        lambda whole: whole.replace(b"2.5", b"3.5"),
        lambda _: b"",
        lambda _: b"[1]",
        lambda _: b"\xff",
        lambda whole: whole.replace(b'"digest"', b'"dygest"'),
    ],
)
def test_a_damaged_file_is_computed_anew(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "k.json"
    computed(path, {"bread": 2.5})
    path.write_bytes(damage(path.read_bytes()))
    assert computed(path, {"bread": 2.75}) == ({"bread": 2.75}, True)
    assert computed(path, {}) == ({"bread": 2.75}, False)


def test_what_json_cannot_hold_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotJSONError, match=r"the baseline\['x'\] is of type bytes"):
        computed(tmp_path / "k.json", {"x": b"y"})
    assert not (tmp_path / "k.json").exists()


def test_what_the_computation_raises_is_raised_with_the_key(tmp_path: Path) -> None:
    def fail() -> Any:
        raise LookupError("no price list")

    with pytest.raises(LookupError) as caught:
        obtain(tmp_path / "k.json", "prices-2026", fail)
    assert caught.value.__notes__ == ["This was raised while the baseline 'prices-2026' was computed."]


COMPUTING = """
import sys
from pathlib import Path
from parbatch.worker.baseline import obtain

def compute():
    print("computing", flush=True)
    sys.stdin.readline()
    return "the first's"

print(obtain(Path(sys.argv[1]), "k", compute), flush=True)
"""


def computing(path: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", COMPUTING, str(path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_process_that_comes_while_another_computes_waits_for_it(tmp_path: Path) -> None:
    with computing(tmp_path / "k.json") as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "computing\n"
        with computing(tmp_path / "k.json") as second:
            assert first.communicate("\n", timeout=60)[0] == "the first's\n"
            assert second.communicate(timeout=60)[0] == "the first's\n"


def test_where_the_computing_process_is_killed_the_next_one_computes(tmp_path: Path) -> None:
    with computing(tmp_path / "k.json") as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "computing\n"
        first.kill()
    assert computed(tmp_path / "k.json", "the second's") == ("the second's", True)


@given(st.lists(st.text(min_size=1) | st.sampled_from(["a", "A", "é", "e\u0301", "../x", "con", "a/b"]), unique=True))
def test_no_two_keys_share_a_file_and_none_leads_out_of_the_folder(keys: list[str]) -> None:
    folder = Path("/out/run/baselines")
    files = [baseline_file(folder, key) for key in keys]
    assert all(file.parent == folder and ".." not in file.parts for file in files)
    assert len({folded(file.name) for file in files}) == len(keys)


@pytest.mark.parametrize("key", ["", 3, None])
def test_a_key_is_text_or_a_function(key: Any) -> None:
    with pytest.raises(JobError, match="the key is text, or a function that returns text"):
        Job("letters").baseline(key=key)


def test_a_key_that_is_a_function_is_asked_each_time() -> None:
    job = Job("letters")
    keys = iter(["a", "b", "", None])
    job.baseline(key=lambda: next(keys))(dict)  # type: ignore[arg-type, return-value]
    assert [job.baseline_key(), job.baseline_key()] == ["a", "b"]
    for returned in ("''", "None"):
        with pytest.raises(JobError, match=f"returned {returned}; return text"):
            job.baseline_key()
    with pytest.raises(JobError, match="can't be had: StopIteration"):
        job.baseline_key()


def test_a_job_has_one_baseline_and_most_have_none() -> None:
    job = Job("letters")
    assert job.baseline_key() is None
    job.baseline(key="a")(dict)
    assert job.baseline_key() == "a"
    with pytest.raises(JobError, match="two functions"):
        job.baseline(key="b")(dict)
