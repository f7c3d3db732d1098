"""Each phase by itself: what is selected for it, planned, rendered alone, retried, pruned and looked at."""

import json
from pathlib import Path

import pytest

from tests.engine.test_phased import FILE, PAIRS, rendered, report, run
from tests.support import contents, typed


@pytest.fixture
def log(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the job writes down what it renders."""
    monkeypatch.setenv("PHASES_LOG", str(here / "log"))
    return here / "log"


def test_a_selection_is_for_the_last_phase_and_those_before_run_whole(log: Path) -> None:
    run("--only", "pair-001", "--limit", "1")
    assert rendered(log)[8:] == ["pair-001"]
    assert report()["pending"] == 3


def test_what_is_looked_at_is_all_phases_joined(log: Path) -> None:
    run()
    listed = typed("list", PAIRS, "--out", "out", "--json")
    ids = [one["id"] for one in json.loads(listed.output)]
    assert ids[::4] == ["words/word-000", "sizes/size-000", "pairs/pair-000"]
    shown = typed("show", "words/word-001", "--out", "out").output
    assert "out/words/items/word-001.txt" in shown
    assert "out/words/run/logs/word-001.stdout.txt" in shown
    assert "a word" in shown
    status = json.loads(typed("status", "--out", "out", "--json").output)
    assert (status["state"], status["total"], status["phases"]["sizes"]["ok"]) == ("finished", 12, 4)
    Path("out/report.json").unlink()
    assert typed("report", "--out", "out").exit_code == 0
    assert report()["phases"][0]["name"] == "words"
    assert typed("overview", PAIRS, "--out", "out").output.splitlines() == [
        "merged    out/pairs/merged.json",
        "overview  out/pairs/overview.txt",
    ]
    alone = typed("status", f"{FILE}:words", "--out", "out/words")
    assert "out/words: 4 ok of 4 items" in alone.output
    assert rendered(log)[12:] == []


def test_plan_shows_each_phase_as_far_as_it_is_known(here: Path) -> None:
    planned = typed("plan", PAIRS, "--out", str(here / "out"))
    assert planned.output.splitlines()[:5] == [
        "words: 4 of 4 items are due",
        "          4 new",
        "sizes: not known yet: 4 items of words are due",
        "pairs: not known yet: 4 items of words are due",
        f"To do it: parbatch run {PAIRS} --out {here / 'out'}",
    ]
    assert not Path("out").exists()
    run()
    before = contents(Path("out"))
    Path("out/sizes/items/size-001.txt").unlink()
    planned = typed("plan", PAIRS, "--out", "out", "--json")
    phases = json.loads(planned.output)["phases"]
    assert [(one["phase"], one.get("due"), one["waits_for"]) for one in phases] == [
        ("words", 0, None),
        ("sizes", 1, None),
        ("pairs", None, "1 item of sizes is due"),
    ]
    assert contents(Path("out")).keys() == before.keys() - {"sizes/items/size-001.txt"}


def test_retry_takes_what_is_not_ok_in_every_phase(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert typed("retry", PAIRS, "--out", "out").exit_code == 2
    monkeypatch.setenv("PHASES_NEED", "ok")
    monkeypatch.setenv("PHASES_FAIL", "word-001 pair-002")
    run(code=1)
    rendered(log)
    monkeypatch.setenv("PHASES_FAIL", "")
    done = typed("retry", PAIRS, "--out", "out", "--progress", "none")
    assert done.exit_code == 0, done.output
    assert sorted(rendered(log)) == ["pair-001", "pair-002", "size-001", "word-001"]


def test_one_item_is_rendered_with_the_earlier_phases_as_they_are(log: Path) -> None:
    run()
    rendered(log)
    options = ("--out", "out", "--backend", "inline", "--progress", "none")
    Path("out/report.html").unlink()
    assert typed("render", "pair-002", PAIRS, *options).exit_code == 0
    assert Path("out/report.html").exists(), "the reports of all phases are up to date again"
    assert typed("render", "words/word-002", PAIRS, *options).exit_code == 0
    assert rendered(log) == ["pair-002", "word-002"]
    missing = typed("render", "pair-002", PAIRS, "--out", "elsewhere", "--backend", "inline")
    assert missing.exit_code == 2
    assert "elsewhere/words: nothing was run there yet" in missing.output
    assert not Path("elsewhere").exists()


def test_prune_takes_what_is_gone_from_a_phase_and_waits_for_what_is_unfinished(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    monkeypatch.setenv("PHASES_ITEMS", "3")
    pruned = json.loads(typed("prune", PAIRS, "--out", "out", "--json").output)
    assert pruned["outputs"] == [f"{phase}s/items/{phase}-003.txt" for phase in ("word", "size", "pair")]
    assert not Path("out/pairs/items/pair-003.txt").exists()
    monkeypatch.setenv("PHASES_ITEMS", "5")
    waiting = typed("prune", PAIRS, "--out", "out").output
    assert "Phase sizes was left alone" in waiting
    assert rendered(log)[12:] == []
