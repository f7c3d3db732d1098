"""Marks of a run and its slots: what has them, and what does not."""

import os
import subprocess
import sys

import pytest

from parbatch.worker.process_marks import Marks, without_marks


def test_a_slot_has_the_marks_of_its_run_and_its_own() -> None:
    environment = Marks("run", 3).environment
    assert Marks("run").are_in(environment)
    assert Marks("run", 3).are_in(environment)
    assert not Marks("run", 4).are_in(environment)
    assert not Marks("other", 3).are_in(environment)
    assert without_marks({**environment, "HOME": "/"}) == {"HOME": "/"}


@pytest.mark.parametrize("environment", [{}, {"PARBATCH_RUN": "run"}, {"PARBATCH_RUN": "run", "PARBATCH_SLOT": "x"}])
def test_without_a_number_no_slot_is_marked(environment: dict[str, str]) -> None:
    assert not Marks("run", 0).are_in(environment)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_process_whose_environment_is_gone_is_known_by_its_limit() -> None:
    show = "import resource; print(resource.getrlimit(resource.RLIMIT_RTTIME)[0])"
    mark = "from parbatch.worker.process_marks import mark_this_process as m; m()"
    code = f"{mark}; import subprocess, sys; subprocess.run([sys.executable, '-c', {show!r}], env={{}}, check=True)"
    environment = {**os.environ, **Marks("run", 3).environment}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    soft = int(done.stdout)
    assert Marks("run").are_limit(soft)
    assert Marks("run", 3).are_limit(soft)
    assert not Marks("run", 4).are_limit(soft)
    assert not Marks("other").are_limit(soft)
