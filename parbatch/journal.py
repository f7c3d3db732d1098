"""What becomes of an attempt that has ended: published, made durable, written down, in this order.

Commits are grouped in time. Files go into place at once; the disk is waited for in a thread, once for all files of
a group; then the group's outcomes are committed. A kill at any instant loses at most one group's outcomes,
never a file, and after a power cut no item is taken as done whose files are not whole.
"""

import contextlib
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec

from parbatch.capture import STREAMS, capture_file, write_log
from parbatch.checkpoint import Checkpoint
from parbatch.chunk_book import ChunkBook
from parbatch.files import UnsafePathError, digest_file, make_durable
from parbatch.folder import Folder
from parbatch.model import SCRATCH, ChunkEnded, Ended, Evidence, Output, Task
from parbatch.naming import folded
from parbatch.publish import PublishError, publish, withdraw
from parbatch.recording import Record, record
from parbatch.system_errors import in_words

# Promised is a second; a group is closed after a tenth of it, which leaves the disk the rest.
GROUP_S = 0.1
# Results can be large: outcomes that come to so many bytes wait for no group's time, and the run waits for the disk.
GROUP_BYTES = 8 << 20
# Where the worker was ended, or ended itself, before it could remove what the attempt had left.
_LEAVES_ITS_FOLDERS = frozenset({"crashed", "timeout", "memory"})


class Journal:
    """The one writer of `items/`, of the logs, and of the outcomes in the checkpoint.

    The time since `began`, on the monotonic clock, is written down with the outcomes, to count towards a time budget;
    so is what `chunks` has to say.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        folder: Folder,
        run_id: str,
        code: int,
        wake: Callable[[], None],
        log_heading: str = "",
        *,
        began: float | None = None,
        chunks: ChunkBook | None = None,
    ) -> None:
        self._checkpoint = checkpoint
        self._folder = folder
        self._run_id = run_id
        self._code = code
        self._wake = wake
        self._heading = log_heading
        self._began = began
        self._chunks = chunks
        self._spent_before = checkpoint.spent_s
        self._tmp = str(folder.tmp / run_id)
        self._group: list[Record] = []
        self._templates: dict[str, str] = {}
        self._group_bytes = 0
        self._published: list[tuple[str, tuple[tuple[str, Output], ...]]] = []
        self._claims: dict[str, tuple[str, str]] = {}  # place: the item and the path, until they are committed
        self._opened_at: float | None = None  # the open group's beginning; None: there is nothing to write
        self._sync: tuple[Future[None], list[Record], list[tuple[str, tuple[tuple[str, Output], ...]]]] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parbatch-sync")
        outputs_before = checkpoint.db.execute("SELECT 1 FROM outputs LIMIT 1").fetchone()
        self._has_rejected = folder.tree.is_folder(folder.rejected)
        self._had_before = bool(outputs_before) or not folder.tree.is_empty(folder.logs) or self._has_rejected

    # --- told by the coordinator, for each attempt: first publish, then, with the verdict, record

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
            return _unpublished(ended, f"{in_words(error)}", logs=())
        for template in ended.templates:
            with contextlib.suppress(OSError):  # gone meanwhile: a resumption will see it
                self._templates[template] = digest_file(Path(template))
        if ended.status != "ok":
            return msgspec.structs.replace(ended, outputs=()) if ended.outputs else ended
        places = tuple((folded(output.path), output) for output in ended.outputs)
        try:
            self._claim(task, places)
            if ended.outputs:
                publish(Path(task.staging(self._tmp)), ended.outputs, self._folder.items)
        except PublishError as error:
            return _unpublished(ended, str(error), logs=ended.logs)
        self._claims.update((place, (task.id, output.path)) for place, output in places)
        self._published.append((task.id, places))
        return ended

    def record(self, task: Task, ended: Ended, *, settled: bool, now: float) -> None:
        """Take an outcome into the open group."""
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
        """When the open group is to be closed, on the coordinator's clock."""
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
        self.flush()
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
            self._commit(group, ())
            return
        future = self._thread.submit(make_durable, self._folder.items)
        self._sync = (future, group, published)
        future.add_done_callback(lambda _: self._wake())

    def _commit_synced(self) -> None:
        assert self._sync is not None
        future, group, published = self._sync
        future.result()
        self._sync = None
        self._commit(group, published)

    def _commit(self, group: list[Record], published: Iterable[tuple[str, tuple[tuple[str, Output], ...]]]) -> None:
        stale: dict[str, str] = {}
        if not self._folder.has_checkpoint:
            raise FileNotFoundError(2, "the checkpoint was removed while the run went on", str(self._folder.checkpoint))
        with self._checkpoint.transaction():
            self._checkpoint.products_are_stale()
            self._count_time()
            record(self._checkpoint, self._run_id, self._code, group)
            if self._chunks is not None:
                self._chunks.write()
            for template, digest in self._templates.items():
                self._checkpoint.set_file(template, digest)
            for item_id, places in published:
                kept = {place for place, _ in places}
                stale |= {p: path for p, path in self._checkpoint.outputs_of(item_id).items() if p not in kept}
                self._checkpoint.set_outputs(item_id, places)
                for place in kept:
                    self._claims.pop(place, None)
        self._templates.clear()
        withdraw(
            (path for place, path in stale.items() if not self._is_taken(place, path)),
            self._folder.items,
        )

    def _is_taken(self, place: str, path: str) -> bool:
        """Whether somebody else's file is where a stale one was; on a disk that knows case they can be two."""
        newer = self._claims[place][1] if place in self._claims else self._checkpoint.path_at(place)
        if newer is None:
            return False
        items = self._folder.items
        return newer == path or ((items / path).exists() and (items / path).samefile(items / newer))

    # --- inside

    def _count_time(self) -> None:
        if self._began is not None:
            self._checkpoint.set_spent(self._spent_before + time.monotonic() - self._began)

    def _claim(self, task: Task, places: Iterable[tuple[str, Output]]) -> None:
        """See to it that no two items publish the same file, not on a case-insensitive disk either."""
        own: dict[str, str] = {}
        for place, output in places:
            if own.setdefault(place, output.path) != output.path:
                raise PublishError(f"{output.path} and {own[place]} are one file where case makes no difference.")
            owner = self._claims[place][0] if place in self._claims else self._checkpoint.live_owner(place)
            if owner not in {None, task.id}:
                raise PublishError(
                    f"{output.path} was published by item {owner!r} already. Put the item's id into the file's name;"
                    " a file that is no result belongs in ctx.scratch."
                )

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


def _unpublished(ended: Ended, why: str, *, logs: tuple[str, ...]) -> Ended:
    """The outcome of an attempt that ended, and could not be put into place."""
    evidence = Evidence(type="PublishError", message=why)
    return msgspec.structs.replace(
        ended, status="failed", evidence=evidence, outputs=(), result=msgspec.Raw(b"null"), logs=logs
    )
