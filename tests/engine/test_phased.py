"""Jobs that come after others, from the command line: phase after phase in folders of their own."""

import json
from pathlib import Path
from typing import Any

import pytest

import parbatch
from parbatch import Item, Job
from parbatch.errors import JobError
from parbatch.storage.folder import Folder
from parbatch.storage.lock import hold
from parbatch.worker.context import Previous
from tests.support import contents, make_job, typed

FILE = Path(__file__).parents[1] / "jobs" / "phases.py"
PAIRS = f"{FILE}:pairs"


@pytest.fixture
def log(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the job writes down what it renders."""
    monkeypatch.setenv("PHASES_LOG", str(here / "log"))
    return here / "log"


def rendered(log: Path) -> list[str]:
    """What was rendered since this was asked last."""
    lines = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def run(*options: str, code: int = 0) -> str:
    done = typed("run", PAIRS, "--out", "out", "--progress", "none", *options)
    assert done.exit_code == code, done.output
    return done.output


def report() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("out/report.json").read_text())
    return found


def test_what_comes_before_runs_first_each_phase_in_a_folder_of_its_own(log: Path) -> None:
    output = run()
    assert "pairs finished: 12 ok of 12 items" in output
    assert "phase     words: 4 ok of 4 items, 4 of them this time; out/words/items" in output
    assert "overview  out/pairs/overview.txt" in output
    kinds = [line.partition("-")[0] for line in rendered(log)]
    assert kinds == ["word"] * 4 + ["size"] * 4 + ["pair"] * 4
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "junit.xml", "pairs", "report.html", "report.json", "run", "sizes", "words",
    ]  # fmt: skip
    assert sorted(path.name for path in Path("out/words").iterdir()) == ["items", "run"]
    assert Path("out/pairs/items/pair-003.txt").read_text() == "{'word': 3, 'size': 6}\n"
    assert Path("out/pairs/overview.txt").read_text().splitlines()[-1] == "pair-003 6"


def test_the_report_is_one_with_the_sums_over_the_phases(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHASES_NEED", "ok")
    monkeypatch.setenv("PHASES_FAIL", "word-001 pair-002")
    run(code=1)
    found = report()
    assert (found["job"], found["state"], found["exit_code"]) == ("pairs", "finished", 1)
    assert (found["total"], found["success"], found["errors"], found["pending"]) == (10, 8, 2, 0)
    assert (found["rendered"], found["kept"], found["by_status"]["failed"]) == (10, 0, 2)
    assert [(one["id"], one["name"]) for one in found["failures"]] == [
        ("words/word-001", "word-001"),
        ("pairs/pair-002", "pair-002"),
    ]
    assert [(one["name"], one["state"], one["total"], one["success"], one["errors"]) for one in found["phases"]] == [
        ("words", "finished", 4, 3, 1),
        ("sizes", "finished", 3, 3, 0),
        ("pairs", "finished", 3, 2, 1),
    ]
    assert found["metrics"]["words/letters"]["count"] == 3
    assert found["after"]["by_group"]["even"] == {**found["after"]["by_group"]["even"], "ok": 1, "failed": 1}
    assert found["before"]["by_status"]["pending"] == 10
    sessions = [*Path("out/run/sessions").iterdir()]
    assert [path.stem for path in sessions] == [found["run_id"]]
    assert json.loads(sessions[0].read_text()) == found
    assert found["merged"] == {"path": "pairs/merged.json"}
    assert json.loads(Path("out/pairs/merged.json").read_text()) == [0, 6]
    page = Path("out/report.html").read_text()
    assert 'href="words/items/"' in page
    assert len(rendered(log)) == 10


def test_a_phase_that_needs_all_stops_the_run_and_says_how_to_go_on(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHASES_FAIL", "size-001")
    output = run(code=1)
    assert "phase pairs needs every item of sizes, and 1 of 4 items is not ok" in output
    assert "phase     pairs: not begun" in output
    assert "1 item is not ok. To go on: parbatch " in output
    assert "sizes/size-001" in output
    assert report()["stopped_by"].startswith("phase pairs needs")
    assert [one["state"] for one in report()["phases"]] == ["finished", "finished", "not begun"]
    assert not Path("out/pairs").exists()
    status = typed("status", PAIRS, "--out", "out").output
    assert "STOPPED" in status
    assert "phase     pairs: not begun" in status

    monkeypatch.setenv("PHASES_FAIL", "")
    rendered(log)
    assert "12 ok (7 from before) of 12 items" in run("--resume")
    assert rendered(log) == ["size-001", *(f"pair-{number:03d}" for number in range(4))]


def test_an_unfinished_run_is_found_once_for_the_whole_folder(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHASES_FAIL", "size-001")
    run(code=1)
    before = contents(Path("out"))
    done = typed("run", PAIRS, "--out", "out")
    assert done.exit_code == 2
    assert "holds an unfinished earlier run (7 ok, 1 not, 1 phase not begun). Use --resume" in done.output
    assert contents(Path("out")) == before
    monkeypatch.setenv("PHASES_FAIL", "")
    rendered(log)
    run("--fresh")
    assert len(rendered(log)) == 12
    run()  # nothing is left: as without phases, it is done again
    assert len(rendered(log)) == 12


def test_when_an_earlier_result_changes_exactly_what_is_made_from_it_is_done_again(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    assert len(rendered(log)) == 12
    assert "nothing to do, all 12 items are ok" in run("--resume")
    assert rendered(log) == []
    monkeypatch.setenv("PHASES_CHANGED", "word-002")
    Path("out/words/items/word-002.txt").unlink()
    run("--resume")
    assert rendered(log) == ["word-002", "size-002", "pair-002"]
    assert Path("out/pairs/items/pair-002.txt").read_text() == "{'word': 102, 'size': 204}\n"


def test_limits_count_over_the_whole_run(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHASES_NEED", "ok")
    monkeypatch.setenv("PHASES_FAIL", "word-003 size-000 size-002")
    output = run("--max-failures", "2", code=4)
    assert "STOPPED: the limit of 2 failures was reached (--max-failures 2), in phase sizes" in output
    assert [line for line in rendered(log) if "word" not in line] == ["size-000"]
    assert [one["state"] for one in report()["phases"]] == ["finished", "stopped", "not begun"]
    output = run("--resume", "--time-budget", "0.0001", code=4)
    assert "the time budget of 0.0 s was used up before" in output
    assert rendered(log) == []


def test_an_error_in_the_items_of_a_later_phase_is_told_and_what_came_before_is_kept(here: Path) -> None:
    first = (
        "from parbatch import Job\nlego = Job('lego')\nlego.items(lambda: [{'id': 'a'}])\nlego.render(lambda *_: 1)\n"
    )
    later = "baskets = Job('baskets', after=lego)\nbaskets.render(lambda *_: 1)\n@baskets.items\ndef rows(previous):\n"
    (here / "course.py").write_text(first + later + "    return previous.nonsense\n")
    done = typed("run", "course.py:baskets")
    assert done.exit_code == 1  # something was run
    assert "Job('baskets'): its items function failed after 0 items at course.py:9: AttributeError" in done.output
    assert "phases before it (lego) is kept. Mend that; --resume goes on." in done.output
    assert "STOPPED" in typed("status", "course.py:baskets").output
    done = typed("run", "course.py:baskets", "--resume")
    assert done.exit_code == 2  # nothing was
    assert "--resume goes on" in done.output
    (here / "course.py").write_text(first + later + "    return [{'id': o.item.id} for o in previous]\n")
    assert typed("run", "course.py:baskets", "--resume").exit_code == 0


def test_a_folder_that_another_holds_is_left_alone(log: Path) -> None:
    with hold(Folder(Path("out"))):
        done = typed("run", PAIRS, "--out", "out")
    assert done.exit_code == 3
    with hold(Folder(Path("out/words"))):
        done = typed("run", PAIRS, "--out", "out")
    assert done.exit_code == 3
    assert rendered(log) == []


@pytest.mark.parametrize("name", ["items", "Run", "report.json"])
def test_a_phase_cannot_have_a_name_that_parbatch_uses_in_the_folder(here: Path, name: str) -> None:
    last = Job("last", after=make_job([Item(id="a")], name))
    last.items(lambda previous: previous)
    last.render(lambda *_: None)
    with pytest.raises(JobError, match=f"A phase can't be named '{name}'"):
        parbatch.run(last, backend="inline", progress="none")
    assert not (here / "outputs").exists()


def test_jobs_held_by_python_code_run_in_phases_and_each_has_its_own_limits(here: Path) -> None:
    lego = Job("lego", attempts=2)
    lego.items(lambda: [{"id": "a"}, {"id": "b"}])
    lego.render(lambda _, ctx: {"tries": ctx.number} if ctx.number > 1 else 1 / 0)
    seen: list[Any] = []
    baskets = Job("baskets", after=lego)

    @baskets.items
    def rows(previous: Previous) -> Any:
        seen.append((previous.counts["ok"], [one.item.id for one in previous], [*previous] == [*previous.outcomes()]))
        for outcome in previous:
            yield Item(id=outcome.item.id, data=outcome.result)

    baskets.render(lambda item, ctx: [ctx.number, item.data["tries"]])
    result = parbatch.run(baskets, out=here / "out", workers=1, progress="none")
    assert (result.total, result.success, [phase.name for phase in result.phases]) == (4, 4, ["lego", "baskets"])
    assert seen == [(2, ["a", "b"], True)]
    assert parbatch.render(baskets, "a", out=here / "out", backend="inline").result == [1, 2]


def test_a_job_that_no_longer_comes_after_others_has_the_folder_to_itself(log: Path) -> None:
    run()
    done = typed("run", f"{FILE}:words", "--out", "out", "--progress", "none", "--adopt")
    assert done.exit_code == 0, done.output
    assert "out: 4 ok of 4 items" in typed("status", "--out", "out").output
    assert len(rendered(log)) == 16


def test_a_bar_and_lines_name_the_phase_and_grow_with_it(log: Path) -> None:
    lines = typed("run", PAIRS, "--out", "out", "--progress", "lines").output.splitlines()
    assert lines[0].startswith("[1/4] words/word-000 ok")
    assert lines[4].startswith("[5/8] sizes/size-000 ok")
    assert lines[11].startswith("[12/12] pairs/pair-003 ok")
    bar = typed("run", PAIRS, "--out", "out", "--progress", "bar", "--fresh").output
    assert "pairs: 100%" in bar
    assert "12/12" in bar
    assert len(rendered(log)) == 24
