"""`parbatch show`: all that is known of one item."""

import json
from pathlib import Path
from typing import Any

import pytest

from parbatch.cli.show import lines
from parbatch.reports.items import TAIL_LINES, history_of
from parbatch.storage.folder import Folder
from parbatch.storage.outcome_writer import record
from parbatch.storage.view import view_of
from tests.support import JOB, contents, ended, new_checkpoint, typed, write_job
from tests.waiting_run import waiting_run

TELLING = (
    JOB.replace(
        "    (ctx.dir",
        """    if item.id == "bob":
        for number in range(30):
            print("line", number)
        print("\\x1b[2J")
        if ctx.number < 3:
            raise ValueError("no \\x1b[31mcity")
    (ctx.dir""",
    ).replace("Job(", "Job(attempts=2, name=")
    + "    return {'pages': 3}\n"
)


@pytest.fixture
def done(here: Path) -> Path:
    write_job(here / "job.py", TELLING)
    typed("run", "job.py")
    return here


def shown(*arguments: str) -> Any:
    result = typed("show", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_every_attempt_is_shown_with_its_evidence(done: Path) -> None:
    text = typed("show", "bob", "job.py").stdout
    assert text.startswith("Bob (bob): failed after 2 attempts\n")
    assert "  attempt 1: failed, 0.0 s, CPU 0.0 s, peak " in text
    assert "  attempt 2: failed, " in text
    assert text.partition("  stdout: ")[0].count("\n      ValueError: no \\x1b[31mcity\n") == 2
    assert f'File "{done}/job.py", line' in text
    assert text.endswith("To render it again: parbatch render bob job.py\n")


@pytest.mark.usefixtures("done")
def test_the_ends_of_the_logs_are_shown_and_where_they_are() -> None:
    text = typed("show", "bob", "job.py").stdout
    assert "  stdout: outputs/letters/run/logs/bob.stdout.txt, " in text
    assert f", the last {TAIL_LINES} lines\n      line 11\n" in text
    assert "      line 29\n      \\x1b[2J\n" in text
    assert "line 10\n" not in text
    assert "  stderr: outputs/letters/run/logs/bob.stderr.txt, " in text
    assert "  stderr: nothing was printed" in typed("show", "ada", "job.py").stdout
    assert "\x1b" not in text


@pytest.mark.usefixtures("done")
def test_of_an_item_that_is_ok_the_outputs_and_the_result_are_shown() -> None:
    text = typed("show", "ada", "job.py").stdout
    assert text.startswith("Ada (ada): ok after 1 attempt\n")
    assert "  outputs\n      outputs/letters/items/ada.txt\n" in text
    assert '"pages": 3' in text
    assert "To render it again" not in text
    history = shown("ada", "job.py")
    assert (history["outputs"], history["result"], history["logs"]) == (["ada.txt"], {"pages": 3}, {})


@pytest.mark.usefixtures("done")
def test_as_json_all_of_it_is_there_as_it_was() -> None:
    history = shown("Bob", "job.py")
    first, second = history["history"]
    assert (first["number"], second["number"], history["attempts"]) == (1, 2, 2)
    assert first["evidence"]["message"] == "no \x1b[31mcity"
    assert first["peak_memory_bytes"] > 0
    log = history["logs"]["stdout"]
    assert (log["path"], len(log["lines"]), log["is_whole"]) == ("run/logs/bob.stdout.txt", TAIL_LINES, False)
    assert log["lines"][-1] == "\x1b[2J"


@pytest.mark.parametrize("asked", ["bob", "BOB", "Bob"])
@pytest.mark.usefixtures("done")
def test_an_item_is_named_by_id_or_name_whatever_the_case(asked: str) -> None:
    assert shown(asked, "job.py")["id"] == "bob"


def test_what_is_close_is_named_from_the_checkpoint_and_the_items_function_is_not_run(done: Path) -> None:
    write_job(done / "job.py", TELLING.replace("    for name in", "    raise OSError\n    for name in"))
    before = contents(done)
    result = typed("show", "bobb", "job.py")
    assert result.exit_code == 2
    assert "No item is called 'bobb'. Close to it: bob" in result.stderr
    assert contents(done) == before


@pytest.mark.usefixtures("done")
def test_the_attempts_of_all_runs_are_kept_in_order() -> None:
    typed("run", "job.py", "--resume", "--attempts", "3")
    history = shown("bob", "job.py")
    assert history["status"] == "ok"
    assert [attempt["status"] for attempt in history["history"]] == ["failed"] * 4 + ["ok"]


def test_the_command_that_renders_again_can_be_pasted_into_a_shell(here: Path) -> None:
    new_checkpoint(Folder(here / "my out"), "-a b").close()
    text = typed("show", "--out", "my out", "--", "-a b").stdout
    assert text.endswith("To render it again: parbatch render --out 'my out' -- '-a b' JOB\n")


def test_a_death_is_shown_with_its_signal_and_return_code(tmp_path: Path) -> None:
    from parbatch.worker.evidence import of_death

    folder = Folder(tmp_path)
    checkpoint = new_checkpoint(folder, "-weird\x1b")
    (first,) = checkpoint.tasks()
    record(checkpoint, "r", 1, [(first.id, ended(first, "crashed", evidence=of_death(-11)), True)])
    checkpoint.close()
    with view_of(folder) as found:
        text = "\n".join(lines(history_of(found, "-weird\x1b"), folder, "again"))
    assert "      SIGSEGV: the process was ended by SIGSEGV: a fault in C code" in text
    assert "\n      (return code -11, SIGSEGV)" in text
    assert "\x1b" not in text


def test_a_huge_log_is_read_at_its_end_only_and_long_lines_are_cut(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    new_checkpoint(folder, "a").close()
    folder.log("a", "stdout").write_bytes(b"x" * 5_000_000 + b"\n\xff" + b"y" * 1_000)
    with view_of(folder) as found:
        text = "\n".join(lines(history_of(found, "a"), folder, "again"))
    assert "      \\xff" + "y" * 400 in text
    assert len(text) < 2_000


def test_during_a_run_an_item_that_is_not_done_is_pending(here: Path) -> None:
    with waiting_run(here) as run:
        history = shown("bob", "job.py")
        assert (history["status"], history["why_due"], history["history"]) == ("pending", "new", [])
        assert run.let_go() == 0
    assert shown("bob", "job.py")["status"] == "ok"


def test_nothing_in_an_id_that_is_close_reaches_the_terminal_as_a_command(here: Path) -> None:
    new_checkpoint(Folder(here / "out"), "bob\x1b[2J").close()
    result = typed("show", "--out", "out", "bob\x1b[2")
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr
    assert "Close to it: bob\\x1b[2J" in result.stderr


def test_without_a_checkpoint_it_says_so(here: Path) -> None:
    write_job(here / "job.py")
    result = typed("show", "bob", "job.py")
    assert result.exit_code == 2
    assert "nothing was run there yet" in result.stderr
