"""Where the real commands say that a job went wrong, word for word; see `test_golden`."""

from pathlib import Path

from tests.golden.scenario import golden


def test_places(tmp_path: Path) -> None:
    """Where in the job's own code an item went wrong: file, line, function, and no frame of what called it."""
    ways = "raises in_library in_parbatch no_template no_json reasons several exits misjudged wrongly_judged aborts"
    with golden("places", tmp_path, WAYS=ways) as typed:
        typed.job("golden_places.py", "job.py")
        typed.parbatch("run", "job.py", "--workers", "1")
        typed.set(WAYS=ways.removesuffix(" aborts"))
        typed.parbatch("run", "job.py", "--backend", "inline", "--fresh")


def test_places_of_all(tmp_path: Path) -> None:
    """Where the job's code for all items went wrong."""
    with golden("places_of_all", tmp_path) as typed:
        typed.job("golden_places.py", "job.py")
        for fault in ("setup", "baseline"):
            typed.set(FAULT=fault)
            typed.parbatch("run", "job.py", "--workers", "1", "--progress", "none")
        for fault in ("import", "context", "setup", "baseline", "merge", "overview", "teardown"):
            typed.set(FAULT=fault)
            typed.parbatch("run", "job.py", "--backend", "inline", "--fresh", "--progress", "none")
