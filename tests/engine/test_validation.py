"""Validation: problems make an attempt invalid, the next one is told of them, and nothing of it is published."""

import json
from pathlib import Path
from typing import Any

import pytest

import parbatch
from parbatch import Item, Job, Problem, RunResult
from parbatch.worker.problems import problems_by_id, problems_of
from tests.support import typed, write_job

NUMBERED = """
from parbatch import Item, Job, Problem

job = Job("numbers", chunk_size=4{options})


@job.items
def numbers():
    for number in range(12):
        yield Item(id=f"i{{number:02d}}", data={{"number": number}})


@job.render
def render(item, ctx):
    said = [problem.message for problem in ctx.feedback]
    text = f"attempt {{ctx.number}}, told {{said}}, after {{ctx.feedback.result}}"
    (ctx.dir / f"{{item.id}}.txt").write_text(text)
    return {{"attempt": ctx.number, "text": text}}


@job.validate
def check(item, ctx):
    number = item.data["number"]
    if number % 3 == 0 and ctx.number == 1:
        yield Problem("too early", f"{{item.id}} is wrong at first", where="line 1", suggestion="wait")
    if number == 5:
        yield f"never right, in attempt {{ctx.result['attempt']}}"
    if number == 7:
        yield Problem("odd", "seven is odd", severity="warning")
"""


def run(here: Path, options: str = "", text: str = NUMBERED, **more: Any) -> RunResult:
    write_job(here / "job.py", text.format(options=options))
    result: RunResult = parbatch.run("job.py", backend="inline", out="out", progress="none", **more)
    return result


def test_only_faulty_items_are_tried_again_and_told_why(here: Path) -> None:
    result = run(here)
    assert result.by_status == {**dict.fromkeys(result.by_status, 0), "ok": 11, "invalid": 1}
    items = here / "out" / "items"
    assert (items / "i01.txt").read_text() == "attempt 1, told [], after None"
    assert (items / "i03.txt").read_text() == (
        "attempt 2, told ['i03 is wrong at first'], after {'attempt': 1, 'text': 'attempt 1, told [], after None'}"
    )
    attempts = {line.split("\t")[3]: line.split("\t")[1] for line in typed("list", "--out", "out").stdout.splitlines()}
    assert {item: tries for item, tries in attempts.items() if tries != "1"} == {
        "i00": "2", "i03": "2", "i05": "3", "i06": "2", "i09": "2",
    }  # fmt: skip


def test_an_item_that_never_passes_is_not_published_and_kept_for_a_look(here: Path) -> None:
    result = run(here)
    assert result.exit_code == 1
    (failure,) = result.failures
    assert (failure.status, failure.type, failure.message) == ("invalid", "problem", "never right, in attempt 3")
    assert failure.place.startswith("job.py:")
    assert failure.place.endswith(" in check")
    assert not (here / "out/items/i05.txt").exists()
    assert (
        (here / "out/run/rejected/i05/i05.txt").read_text().startswith("attempt 3, told ['never right, in attempt 2']")
    )
    shown = typed("show", "i05", "--out", "out").stdout
    assert shown.count("problem: never right, in attempt") >= 3, shown
    assert "run/rejected/i05" in shown
    log = (here / "out/run/logs/i05.stderr.txt").read_text()
    assert log.count("invalid: problem: never right, in attempt") == 3
    assert "# attempt: 3 at 'i05', invalid" in log


def test_a_rejected_attempt_goes_once_the_item_is_ok(here: Path) -> None:
    run(here)
    write_job(here / "job.py", NUMBERED.format(options="").replace("number == 5", "number == 500"))
    result = parbatch.run("job.py", backend="inline", out="out", progress="none", resume=True)
    assert (result.success, result.rendered) == (12, 1)
    assert not (here / "out/run/rejected/i05").exists()
    assert "told ['never right, in attempt 3']" in (here / "out/items/i05.txt").read_text(), "another run tells as well"


def test_warnings_are_published_counted_and_reported(here: Path) -> None:
    result = run(here)
    assert (result.warnings.items, result.warnings.total, result.warnings.by_type) == (1, 1, {"odd": 1})
    assert result.warnings.first[0].problem == Problem("odd", "seven is odd", severity="warning")
    assert (here / "out/items/i07.txt").exists()
    assert "seven is odd" in typed("show", "i07", "--out", "out").stdout
    assert json.loads((here / "out/report.json").read_text())["warnings"]["items"] == 1


def test_three_attempts_unless_the_job_or_the_run_says_otherwise(here: Path) -> None:
    assert [failure.attempts for failure in run(here).failures] == [3]
    assert [failure.attempts for failure in run(here, ", attempts=2", fresh=True).failures] == [2]
    assert {failure.attempts for failure in run(here, attempts=1, fresh=True).failures} == {1}


def test_a_validation_that_raises_fails_the_item(here: Path) -> None:
    result = run(here, text=NUMBERED.replace('yield f"never', 'raise RuntimeError("no table") or f"never'))
    (failure,) = result.failures
    assert (failure.status, failure.type, failure.message, failure.attempts) == (
        "failed",
        "RuntimeError",
        "no table",
        3,
    )


CHUNKED = (
    NUMBERED.replace("@job.validate\ndef check(item, ctx):", "@job.validate\ndef unused(item, ctx):")
    + """

@job.validate_chunk
def whole(items, ctx):
    print("looked at", len(items))
    numbers = [item.data["number"] for item in items]
    for item in items:
        if item.data["number"] % 4 == 2 and ctx.of(item).number == 1:
            yield item.id, f"not beside {{[number for number in numbers if number != item.data['number']]}}"
"""
)


def test_a_chunks_validation_says_which_of_its_items_are_at_fault(here: Path) -> None:
    result = run(here, text=CHUNKED)
    assert result.by_status["ok"] == 11
    assert "told ['not beside [1]']" in (here / "out/items/i02.txt").read_text(), "0 and 3 were rejected before"
    rows = [line.split("\t") for line in typed("list", "--out", "out").stdout.splitlines()]
    assert {row[3]: row[1] for row in rows if row[1] != "1"} == {
        "i00": "2", "i02": "2", "i03": "2", "i05": "3", "i06": "2", "i09": "2", "i10": "2",
    }  # fmt: skip


def test_a_chunk_that_an_interruption_cuts_short_is_validated_as_far_as_it_is_rendered(here: Path) -> None:
    text = CHUNKED.replace("    said =", "    if number := item.data['number'] == 5:\n        interrupt()\n    said =")
    text = text.replace(
        "\njob =", "\nimport signal\n\ndef interrupt():\n    signal.raise_signal(signal.SIGINT)\n\njob ="
    )
    text = text.replace("number == 5:\n        yield", "number == 99:\n        yield")
    result = run(here, text=text)
    assert (result.state, result.exit_code) == ("interrupted", 130)
    assert result.by_status["ok"] == 3, "1, 2 and 5: 0 and 3 wait for their second attempts"
    assert run(here, text=text.replace("item.data['number'] == 5", "False"), resume=True).success == 12


@pytest.mark.parametrize("given", [True, 3, [3], {"a": "b"}, b"x"])
def test_what_is_no_problem_is_an_error(given: Any) -> None:
    with pytest.raises(TypeError, match="yield Problems or texts"):
        problems_of(given, "@job.validate")


def test_texts_and_problems_alone_or_together_are_problems() -> None:
    one = Problem("length", "too short")
    assert problems_of(None, "x") == problems_of([], "x") == ()
    assert problems_of(one, "x") == (one,)
    assert problems_of(["bad", one], "x") == (Problem("problem", "bad"), one)
    assert dict(problems_by_id({"a": "bad", "b": [one]}, "x")) == {"a": (Problem("problem", "bad"),), "b": (one,)}
    assert list(problems_by_id((("a", "bad"), ("a", one)), "x")) == [("a", (Problem("problem", "bad"),)), ("a", (one,))]
    with pytest.raises(TypeError, match=r"yield \(id, problem\)"):
        list(problems_by_id(["a"], "x"))


def test_a_job_is_asked_for_functions_that_fit() -> None:
    job = Job("x")
    job.items(lambda: [Item(id="a")])
    job.render(lambda *_: None)
    job.validate(lambda _: None)
    with pytest.raises(parbatch.NothingRunError, match=r"validate function can't be called with 2 arguments"):
        job.check()
    with pytest.raises(parbatch.NothingRunError, match="fresh_worker: 'item' is not one of chunk, attempt"):
        Job("x", fresh_worker="item")
