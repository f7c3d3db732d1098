"""The job's code writes to descriptors that are not its own: the blame is its own, and the run goes on."""

import json
from pathlib import Path

import pytest

from tests.faults.outside import finish, left_behind, rows
from tests.support import write_job

JOB = """
import os, signal, stat, sys
from parbatch import Job

job = Job("strange")
WORDS = os.environ["WORDS"].encode("latin-1").decode("unicode_escape").encode("latin-1")


def pipes():
    for number in range(3, 1024):
        try:
            state = os.fstat(number)
        except OSError:
            continue
        if stat.S_ISFIFO(state.st_mode):
            yield number


@job.items
def items():
    return ({"id": f"i{number}"} for number in range(12))


@job.render
def render(item, ctx):
    if item.id == "i5" and WORDS == b"loky":
        frame = sys._getframe()
        while "result_queue" not in frame.f_locals:
            frame = frame.f_back
        os.close(frame.f_locals["result_queue"]._writer.fileno())
        signal.pause()  # until it is killed: only loky's own pipe has an end
    elif item.id == "i5":
        if WORDS == b"nothing":
            nowhere = os.open(os.devnull, os.O_RDWR)
            for number in list(pipes()):
                os.dup2(nowhere, number)
            return
        for number in list(pipes()):
            os.set_blocking(number, False)
            try:
                os.write(number, WORDS)
            except OSError:
                pass
"""


@pytest.mark.parametrize(
    "words",
    [
        "hello",
        "hello\\n",
        "\\0" * 30 + "\\n",
        "\\x7f\\xff\\xff\\xff",
        '["ended"',
        '["ended",0,1,"ok",0.1]\\n',
        '["ended",7,1,"ok",0.1]\\n',
        '["ended",5,1,"ok",0.1,0,0,null,[["../../x",1,1,"x"]]]\\n',
        '["ended",5,1,"pending",0.1]\\n',
        '["ended",5,1,"failed",0.1]\\n',
        '["ended",5,3,"ok",0.1]\\n',
        '["began",1]\\n',
        '["ready",1]\\n',
        '["loading","tea"]\\n',
        '["not-ready",{"type":"A","message":"b"}]\\n',
        '["returned"]\\n',
        '["retiring",1]\\n',
        '["rendered",6]\\n',
        "nothing",
        "loky",
    ],
)
def test_who_writes_into_the_descriptors_of_others_is_to_blame_and_nobody_else(tmp_path: Path, words: str) -> None:
    job, out = write_job(tmp_path / "strange.py", JOB), tmp_path / "out"
    code, printed = finish("run", job, "--workers", 2, "--out", out, env={"WORDS": words}, timeout=30)
    assert code == 1, printed
    assert rows(out, "SELECT id, status FROM items WHERE status != 'ok'") == [("i5", "crashed")]
    (failure,) = json.loads((out / "report.json").read_text())["failures"]
    assert failure["attempts"] == 2
    assert failure["type"] == "WorkerBroken" or (failure["type"], words) == ("ProcessExit", "nothing")
    assert "the descriptor through which its worker reports" in failure["message"] or (
        "it wrote into a descriptor of its worker's: " in failure["message"]
    ), "loky's own pipes are found too, and whoever sees it first tells"
    assert "/parbatch/" not in printed, "no traceback of its own code"
    assert left_behind(out) == []
    assert not (tmp_path / "x").exists()
