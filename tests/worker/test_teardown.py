"""Teardown fails nothing: what goes wrong in it is written down, and told in a line."""

from pathlib import Path

from parbatch.worker.teardown import record_of, records, summary, tear_down


def test_one_that_goes_well_leaves_no_record(tmp_path: Path) -> None:
    closed: list[str] = []
    tear_down(closed.append, "shared", record_of(tmp_path, 7), end_after=None)
    assert (closed, records(tmp_path)) == (["shared"], [])


def test_whatever_it_raises_is_in_its_record(tmp_path: Path) -> None:
    def fail(_: object) -> None:
        raise SystemExit("no connection")

    tear_down(fail, None, record_of(tmp_path, 7), end_after=None)
    (record,) = records(tmp_path)
    text = record.read_text()
    assert text.startswith("SystemExit: the job's code called sys.exit('no connection')\n")
    assert "in fail" in text
    assert summary([text], "log.txt") == (
        "Note: teardown failed in 1 worker: SystemExit: the job's code called sys.exit('no connection'). Log: log.txt"
    )


def test_a_process_that_ended_in_it_or_took_too_long_is_told_as_such() -> None:
    assert "it ended its process, or took longer than 10 s" in summary([""], "log.txt")
    assert summary(["Timeout (0:00:10)!\n…", ""], "l").startswith(
        "Note: teardown failed in 2 workers: it took longer than 10 s."
    )
