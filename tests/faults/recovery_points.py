"""Publishing, withdrawing and committing, killed at every step of it, and what recovery makes of each.

    python -m tests.faults.recovery_points FOLDER [EVERY]

A step is whatever changes a name on the disk (Python tells of it before it is done, by audit events) or the checkpoint
(SQLite tells of each statement before). For each step a process of its own is killed there; then the folder is
recovered, looked at, and gone on with.
"""

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from parbatch.dispatch.journal import Journal
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder
from parbatch.storage.item_outputs import ItemOutputs
from parbatch.storage.opening import open_existing
from parbatch.storage.recovery import recover
from parbatch.storage.withdrawals import carry_out
from tests.support import ended, new_checkpoint, staged

STEPS = frozenset({"os.link", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "ctypes.call_function"})
WRITES = ("BEGIN", "INSERT", "UPDATE", "DELETE", "COMMIT")
ITEMS = ("a", "b", "c", "d")
FAILS = "c"
EDITED = "b"
SAME = "d"  # somebody edited this one too, and the new version of it is the same as the old one


class KilledAt:
    """Ends this process at its N-th step."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, event: str, _: tuple[object, ...]) -> None:
        if event in STEPS:
            self._step()

    def statement(self, sql: str) -> None:
        """Take a statement that SQLite is going to carry out."""
        if sql.startswith(WRITES):
            self._step()

    def _step(self) -> None:
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


def run(folder: Folder, run_id: str, text: str, *, fails: str = "", killed: KilledAt | None = None) -> None:
    """One run of all that is pending: two files an item, and one of them not made any more in the second version."""
    with contextlib.closing(open_existing(folder.checkpoint)) as checkpoint:
        if killed is not None:
            checkpoint._db.set_trace_callback(killed.statement)
        recover(checkpoint, folder)
        folder.tree.make_folder(folder.tmp / run_id)
        journal = Journal(ItemOutputs(checkpoint, folder, run_id), 1, lambda: None)
        for number, task in enumerate([*checkpoint.tasks()]):
            if task.id == fails:
                final = journal.publish(task, ended(task, "failed"))
            else:
                files = {task.id: _text(task.id, text)} | ({f"{task.id}-more": text} if text == "old" else {})
                outputs = staged(folder.tmp / run_id / f"{task.position}.1", **files)
                final = journal.publish(task, ended(task, outputs=outputs))
            journal.record(task, final, settled=True, now=float(number))
            if number % 2:
                journal.flush()
        journal.finish()
        recover(checkpoint, folder)


def _text(item: str, version: str) -> str:
    return f"{item} old" if item == SAME else f"{item} {version}"


def begin(root: Path) -> Folder:
    """A folder with a finished run, two outputs that somebody edited, and all due again."""
    folder = Folder(root)
    new_checkpoint(folder, *ITEMS).close()
    run(folder, "first", "old")
    for item in (EDITED, SAME):
        (folder.items / f"{item}.txt").write_text("by hand")
    with contextlib.closing(open_existing(folder.checkpoint)) as checkpoint:
        checkpoint._db.execute("UPDATE items SET status = 'pending'")
    return folder


def problems(folder: Folder) -> Iterator[str]:
    """What is wrong after a kill, right after recovery and in the end."""
    with contextlib.closing(open_existing(folder.checkpoint)) as checkpoint:
        recover(checkpoint, folder)
        yield from _judge_rows(checkpoint, folder)
    run(folder, "third", "new", fails=FAILS)
    with contextlib.closing(open_existing(folder.checkpoint)) as checkpoint:
        yield from _judge_rows(checkpoint, folder)
        there = {path.name: path.read_text() for path in folder.items.iterdir()}
        if there != {f"{item}.txt": _text(item, "new") for item in ITEMS if item != FAILS}:
            yield f"in the end items/ has {there}"
        kept = sorted(path.read_text() for path in folder.withdrawn.rglob("*.txt"))
        if kept != sorted(["by hand", "by hand", f"{FAILS} old", *["old"] * len(ITEMS)]):
            yield f"withdrawn is {kept}"
        rows = {path for (path,) in checkpoint._db.execute("SELECT kept FROM withdrawn WHERE is_done")}
        if rows != {path.relative_to(folder.root).as_posix() for path in folder.withdrawn.rglob("*.txt")}:
            yield f"the checkpoint says that these are withdrawn: {rows}"
        carry_out(checkpoint, folder)
    if left := [*folder.tmp.iterdir()]:
        yield f"left: {left}"


def _judge_rows(checkpoint: Checkpoint, folder: Folder) -> Iterator[str]:
    """An item that is ok has its new output; one that is pending has what was there before, whole."""
    for item, status in checkpoint._db.execute("SELECT id, status FROM items").fetchall():
        path = folder.items / f"{item}.txt"
        text = path.read_text() if path.exists() else None
        before = "by hand" if item in {EDITED, SAME} else f"{item} old"
        wanted = {"ok": _text(item, "new"), "pending": before}.get(status)
        if text != wanted:
            yield f"{item} is {status}, and its output is {text!r}"


def main(place: Path, every: int = 1) -> int:
    """Kill a run at each step, or every so many, one after another, until one comes to its end."""
    wrong = 0
    begin(place / "begun")
    for number in range(1, 1000, every):
        root = place / f"killed-{number}"
        shutil.copytree(place / "begun", root)
        folder = Folder(root)
        if not (child := os.fork()):
            killed = KilledAt(number)
            sys.addaudithook(killed)
            run(folder, "second", "new", fails=FAILS, killed=killed)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        for problem in problems(folder):
            print(f"killed at step {number}: {problem}")
            wrong += 1
        shutil.rmtree(root)
        if os.WIFEXITED(status):
            print(f"killed up to step {number - 1}, {wrong} wrong")
            return min(wrong + os.WEXITSTATUS(status), 1)
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
