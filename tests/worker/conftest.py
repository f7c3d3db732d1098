"""A job in this very process, for tests of what a worker does with it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parbatch import Job
from parbatch.model.loading import JobRef
from parbatch.worker.capture import Capture
from parbatch.worker.job_session import JobSession
from parbatch.worker.settings import WorkerSettings

MakeSession = Callable[[Job], JobSession]


@pytest.fixture
def make_session(tmp_path: Path) -> Iterator[MakeSession]:
    """Makes the session of a job, set up; what is printed is captured below `tmp_path` until the test has ended."""
    capture = Capture(str(tmp_path / "captured"))
    settings = WorkerSettings(JobRef("none"), str(tmp_path), str(tmp_path), str(tmp_path / "captured"), None)

    def make(job: Job) -> JobSession:
        session = JobSession(job, settings, capture)
        session.set_up()
        session.housekeeping.spare_others()  # the test's own processes
        return session

    with capture.installed():
        yield make
    capture.close()
