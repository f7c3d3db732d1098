"""What becomes of an attempt that has ended: published, made durable, written down, in this order.

The engine makes it; the dispatcher hands it outcomes, as to any `OutcomeSink`. It does not decide what becomes of an
item: whether one is settled, it is told.

Commits are grouped in time. Files go into place at once; the disk is waited for in a thread, once for all files of a
group; then the group's outcomes are committed. A kill at any instant loses at most one group's outcomes, never a file,
and after a power cut no item is taken as done whose files are not whole.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec

from parbatch.errors import PublishError
from parbatch.model.item import SCRATCH, Task
from parbatch.model.messages import ChunkEnded, Ended
from parbatch.model.outcome import STREAMS
from parbatch.model.problem import Evidence
from parbatch.storage.chunk_log import ChunkLog
from parbatch.storage.item_outputs import ItemOutputs, Published
from parbatch.storage.outcome_writer import Record, record, try_record
from parbatch.storage.system_errors import in_words
from parbatch.storage.tree import UnsafePathError, digest_file, make_durable
from parbatch.worker.capture import capture_file, write_log

# Promised is a second; a group is closed after a tenth of it, which leaves the disk the rest.
GROUP_S = 0.1
# Results can be large: outcomes that come to so many bytes wait for no group's time, and the run waits for the disk.
GROUP_BYTES = 8 << 20
# Where the worker was ended, or ended itself, before it could remove what the attempt had left.
_LEAVES_ITS_FOLDERS = frozenset({"crashed", "timeout", "memory"})
# An item that is pending again, as when it was cut off, keeps its older output until its next attempt.
_LEAVES_OUTPUTS = frozenset({"ok", "pending"})


class Journal:
    """The one writer of `items/`, of the logs, and of the outcomes in the checkpoint that `outputs` belong to.

    The time since `began`, on the monotonic clock, is written down with the outcomes, to count towards a time budget;
    so is what `chunks` has to say. `outputs` is closed at the end.
    """

    def __init__(
        self,
        outputs: ItemOutputs,
        code: int,
        wake: Callable[[], None],
        log_heading: str = "",
        *,
        began: float | None = None,
        chunks: ChunkLog | None = None,
    ) -> None:
        self._outputs = outputs
        self._checkpoint, self._folder, self._run_id = outputs.checkpoint, outputs.folder, outputs.run_id
        self._code = code
        self._wake = wake
        self._heading = log_heading
        self._began = began
        self._chunks = chunks
        self._spent_before = outputs.checkpoint.spent_s
        self._tmp = str(outputs.folder.tmp / outputs.run_id)
        self._group: list[Record] = []
        self._templates: dict[str, str] = {}
        self._group_bytes = 0
        self._published: list[Published] = []
        self._committed: list[Published] = []  # what was kept of these goes once their commit is on the disk
        self._opened_at: float | None = None  # the open group's beginning; None: there is nothing to write
        self._sync: tuple[Future[None], list[Record], list[Published]] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parbatch-sync")
        tree = self._folder.tree
        self._has_rejected = tree.is_folder(self._folder.rejected)
        self._had_before = outputs.had_before or not tree.is_empty(self._folder.logs) or self._has_rejected

    # --- called by the dispatcher, for each attempt: first publish, then, with the verdict, record

    def publish(self, task: Task, ended: Ended) -> Ended:
        """Move an attempt's logs and, if it ended ok, its files into place. An obstacle makes it `failed`."""
        if ended.status in _LEAVES_ITS_FOLDERS:
            for ending in ("", SCRATCH):
                self._folder.tree.remove_tree(task.staging(self._tmp) + ending)
        if not (ended.outputs or ended.logs or ended.templates or self._had_before or task.number > 1):
            return ended  # nothing to put into place, as from a million items that only compute
        try:
            self._keep_logs(task, ended)
            self._keep_rejected(task, ended)
        except (UnsafePathError, PermissionError) as error:
            return _failed(msgspec.structs.replace(ended, logs=()), "PublishError", str(in_words(error)))
        for template in ended.templates:
            with contextlib.suppress(OSError):  # gone meanwhile: a resumption will see it
                self._templates[template] = digest_file(Path(template))
        if ended.status != "ok":
            return msgspec.structs.replace(ended, outputs=()) if ended.outputs else ended
        try:
            published = self._outputs.publish(task.id, f"{task.position}.{task.number}", ended.outputs)
        except PublishError as error:
            return _failed(ended, type(error).__name__, str(error))
        self._published.append(published)
        return ended

    def record(self, task: Task, ended: Ended, *, settled: bool, now: float) -> None:
        """Take an outcome into the open group."""
        if self._opened_at is None:
            self._open_group(now)
        self._group.append((task.id, ended, settled))
        self._group_bytes += len(ended.result)
        if self._group_bytes >= GROUP_BYTES:
            self.flush()

    def chunk_ended(self, slot: int, told: ChunkEnded, now: float) -> None:
        """Take what a chunk came to into the open group."""
        if self._chunks is not None:
            self._open_group(now)
            self._chunks.note(slot, told)

    # --- groups

    def next_deadline(self) -> float | None:
        """Return when the open group is to be closed, on the dispatcher's clock."""
        return self._opened_at + GROUP_S if self._opened_at is not None and self._sync is None else None

    def tick(self, now: float) -> None:
        """Close and commit groups that are due."""
        if self._sync is not None and self._sync[0].done():
            self._commit_synced()
        if self._chunks_have_news:
            self._open_group(now)
        deadline = self.next_deadline()
        if deadline is not None and now >= deadline:
            self._close_group()

    def flush(self) -> None:
        """Commit everything so far, waiting for the disk."""
        while self._sync is not None or self._group or self._chunks_have_news:
            if self._sync is not None:
                self._commit_synced()
            else:
                self._close_group()
        self._count_time()

    def finish(self) -> None:
        """Commit everything; nothing more will be recorded."""
        if self._chunks is not None:
            self._chunks.close()
        with contextlib.closing(self._outputs):
            try:
                self.flush()
                if self._committed:
                    self._wait_for_disk(self._committed)
            finally:
                self._thread.shutdown()

    @property
    def _chunks_have_news(self) -> bool:
        return self._chunks is not None and self._chunks.has_news()

    def _open_group(self, now: float) -> None:
        if self._opened_at is None:
            self._opened_at = now

    def _close_group(self) -> None:
        group, self._group, self._group_bytes = self._group, [], 0
        self._opened_at = None
        published, self._published = self._published, []
        if not published:
            self._commit(group, [])
            return
        committed, self._committed = self._committed, []
        future = self._thread.submit(self._wait_for_disk, committed)
        self._sync = (future, group, published)
        future.add_done_callback(lambda _: self._wake())

    def _wait_for_disk(self, committed: list[Published]) -> None:
        """Wait for all that was written so far; what was committed by then can't be lost, so nothing of it is kept."""
        make_durable(self._folder.items)
        self._outputs.discard(committed)

    def _commit_synced(self) -> None:
        assert self._sync is not None
        future, group, published = self._sync
        future.result()
        self._sync = None
        self._commit(group, published)

    def _commit(self, group: list[Record], published: list[Published]) -> None:
        if not self._folder.has_checkpoint:
            raise FileNotFoundError(2, "the checkpoint was removed while the run went on", str(self._folder.checkpoint))
        with self._checkpoint.transaction():
            self._checkpoint.products_are_stale()
            self._count_time()
            group, published = self._record(group, published)
            if self._chunks is not None:
                self._chunks.write()
            for template, digest in self._templates.items():
                self._checkpoint.set_file(template, digest)
            self._outputs.write(published, _not_ok(group))
        self._templates.clear()
        self._committed += self._outputs.settle(published)

    def _record(self, group: list[Record], published: list[Published]) -> tuple[list[Record], list[Published]]:
        """Write outcomes. One that the checkpoint can't hold fails alone, and what it published is taken back."""
        if self._try_record(group) is None:
            return group, published
        for number, one in enumerate(group):
            if (error := self._try_record([one])) is not None:
                item_id, ended, _ = one
                for its_own in [each for each in published if each.id == item_id]:
                    self._outputs.take_back(its_own)
                    published.remove(its_own)
                problem = f"what it left can't be written into the checkpoint: {error}"
                bare = Ended(ended.position, ended.number, "failed", 0.0, logs=ended.logs)
                group[number] = (item_id, _failed(bare, type(error).__name__, problem), True)
                record(self._checkpoint, self._run_id, self._code, group[number : number + 1])
        return group, published

    def _try_record(self, group: list[Record]) -> Exception | None:
        return try_record(self._checkpoint, self._run_id, self._code, group)

    # --- inside

    def _count_time(self) -> None:
        if self._began is not None:
            self._checkpoint.set_spent(self._spent_before + time.monotonic() - self._began)

    def _keep_logs(self, task: Task, ended: Ended) -> None:
        for stream in STREAMS:
            log = self._folder.log(task.file_stem, stream)
            if stream in ended.logs:
                self._write_log(task, ended, capture_file(task.staging(self._tmp), stream), log)
            elif task.number == 1:
                self._folder.tree.remove(log)

    def _keep_rejected(self, task: Task, ended: Ended) -> None:
        """Keep what the last attempt left for a look where validation rejected it, and only then."""
        place = self._folder.rejected_of(task.file_stem)
        if self._has_rejected:
            self._folder.tree.remove_tree(place)
        if ended.status == "invalid" and ended.outputs:
            self._folder.tree.make_folder(self._folder.rejected)
            self._has_rejected = True
            self._folder.tree.rename(task.staging(self._tmp), place)

    def _write_log(self, task: Task, ended: Ended, printed: Path, log: Path) -> None:
        """Put what an attempt printed under its heading; a further try at the item goes below the earlier ones."""
        told = f"# attempt: {task.number} at {task.id!r}, {ended.status} after {ended.duration_s:.3f} s"
        told += f" in the worker with pid {ended.pid}\n\n" if ended.pid else "\n\n"
        write_log(printed, log, self._heading + told, below=task.number > 1)


def _failed(ended: Ended, kind: str, message: str) -> Ended:
    """Return the outcome of an attempt that ended ok, and can't be taken so."""
    evidence = Evidence(type=kind, message=message)
    return msgspec.structs.replace(
        ended, status="failed", evidence=evidence, outputs=(), result=msgspec.Raw(b"null"), metrics={}, warnings=()
    )


def _not_ok(group: Iterable[Record]) -> Iterator[tuple[str, str]]:
    return ((item, ended.status) for item, ended, settled in group if settled and ended.status not in _LEAVES_OUTPUTS)
