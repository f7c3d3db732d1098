"""What the items of a run publish: whose a place is, what was there before, and what of it no longer counts.

The journal says when: `publish` as an attempt ends, `write` within the transaction that commits its outcome, `settle`
after that, and `discard` once that commit is on the disk.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from parbatch.errors import PublishError
from parbatch.model.file_names import folded
from parbatch.model.outcome import Output
from parbatch.storage.checkpoint import Checkpoint
from parbatch.storage.folder import Folder
from parbatch.storage.opening import SET_ASIDE
from parbatch.storage.publishing import OLD, Publication, Publisher
from parbatch.storage.withdrawals import ANOTHERS, EDITED, NO_LONGER_MADE, carry_out, mark, mark_outputs, waits_below


class Before(NamedTuple):
    """An output that the checkpoint has in a place: whose it is, whether that item is ok by virtue of it."""

    id: str
    is_live: bool
    output: Output
    where: str = ""


class Published(NamedTuple):
    """What an item has published in this run, and the paths where another item's, or an edited, output was."""

    id: str
    publication: Publication
    replaced: tuple[str, ...] = ()

    @property
    def places(self) -> list[tuple[str, Output]]:
        """The files with the places that they take, on a case-insensitive disk too."""
        return [(folded(output.path), output) for output in self.publication.outputs]


Elsewhere = Callable[[str], Before | None]

_NOTHING_KNOWN = Output("", -1, 0, "")  # no file is like that


class ItemOutputs:
    """The outputs of a run's items.

    With `keep_stale`, older outputs of items that end not ok stay in `items/`; `elsewhere` says what other shards have
    published in a place.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        folder: Folder,
        run_id: str,
        *,
        keep_stale: bool = False,
        elsewhere: Elsewhere = lambda _: None,
    ) -> None:
        self.checkpoint = checkpoint
        self.folder = folder
        self.run_id = run_id
        self._keep_stale = keep_stale
        self._elsewhere = elsewhere
        self._publisher = Publisher(folder.tree, folder.items, folder.tmp / run_id)
        self._claims: dict[str, tuple[str, str]] = {}  # place: the item and the path, until they are committed
        self._has_due = False
        self.had_before = checkpoint._db.execute("SELECT 1 FROM outputs LIMIT 1").fetchone() is not None

    def close(self) -> None:
        """Let go of the folders."""
        self._publisher.close()

    def publish(self, item_id: str, staged: str, outputs: Sequence[Output]) -> Published:
        """Put an attempt's files into `items/`. Raises PublishError where that can't be, and then none is there."""
        before = self._claim(item_id, outputs)
        if not outputs:
            return Published(item_id, Publication(staged))
        publication = self._put(item_id, staged, outputs, before)
        edited = publication.edited
        others = [step.path for step in publication.steps if step.kept and before[step.path].id != item_id]
        self._claims.update((folded(output.path), (item_id, output.path)) for output in outputs)
        return Published(item_id, publication, tuple(dict.fromkeys([*edited, *others])))

    def take_back(self, published: Published) -> None:
        """Undo a publication."""
        self._publisher.take_back(published.publication)
        self._forget_claims(published)

    def write(self, published: Iterable[Published], not_ok: Iterable[tuple[str, str]]) -> None:
        """Write down what was published, and what is to be withdrawn, within the caller's transaction.

        `not_ok` are ids and statuses of items that ended so.
        """
        for one in published:
            self._write(one)
        if self.had_before and not self._keep_stale:
            for item_id, status in not_ok:
                self._has_due |= mark_outputs(self.checkpoint, self.folder, self.run_id, item_id, status)

    def settle(self, published: Sequence[Published]) -> Sequence[Published]:
        """Withdraw what the last transaction has said is to be withdrawn.

        Returns those of which nothing that is kept is needed any more: `discard` may remove it.
        """
        for one in published:
            self._forget_claims(one)
        if not self._has_due:
            return published
        self._has_due = False
        carry_out(self.checkpoint, self.folder, self._is_taken)
        return [one for one in published if not (one.replaced and self._waits(one))]

    def discard(self, published: Iterable[Published]) -> None:
        """Remove what was kept in case a publication had to be taken back. Called in any thread."""
        for one in published:
            self._publisher.discard(one.publication)

    # --- inside

    def _put(self, item_id: str, staged: str, outputs: Sequence[Output], before: dict[str, Before]) -> Publication:
        """Put the files into `items/`; where an older output has the name of a folder of theirs, or the other way
        round, that is withdrawn first.
        """

        def known(path: str, state: os.stat_result) -> Output | None:
            return self._before(before, path, state)

        try:
            return self._publisher.publish(staged, outputs, known)
        except PublishError as error:
            if not self._make_way(item_id, outputs):
                raise
            with contextlib.suppress(PublishError):  # the first error is the one to tell
                return self._publisher.publish(staged, outputs, known)
            raise error from None

    def _make_way(self, item_id: str, outputs: Iterable[Output]) -> bool:
        """Withdraw older outputs that have files where folders are needed, or lie in folders where files go.

        Returns whether there were any; what an item that is ok has published stays.
        """
        due = [
            (owner, path, f"items/{path}", NO_LONGER_MADE if owner == item_id else ANOTHERS)
            for owner, place, path in _across(self.checkpoint, outputs)
            if place not in self._claims
        ]
        with self.checkpoint.transaction():
            mark(self.checkpoint, self.folder, self.run_id, due)
            self.checkpoint._db.executemany("DELETE FROM outputs WHERE path = ?", [(path,) for _, path, _, _ in due])
        carry_out(self.checkpoint, self.folder, self._is_taken)
        return bool(due)

    def _claim(self, item_id: str, outputs: Iterable[Output]) -> dict[str, Before]:
        """See to it that no two items publish the same file, not on a case-insensitive disk either.

        Returns what the checkpoint has in these places, by the path that is published now.
        """
        own: dict[str, str] = {}
        before: dict[str, Before] = {}
        for output in outputs:
            place = folded(output.path)
            if own.setdefault(place, output.path) != output.path:
                raise PublishError(f"{output.path} and {own[place]} are one file where case makes no difference.")
            known = _known(self.checkpoint, place)
            owner = self._claims[place][0] if place in self._claims else known.id if known and known.is_live else None
            if owner not in {None, item_id}:
                raise PublishError(_taken(output.path, str(owner)))
            if known is not None and (
                known.output.path == output.path or self._is_one_file(known.output.path, output.path)
            ):
                before[output.path] = known
        return before

    def _is_one_file(self, one: str, other: str) -> bool:
        """Whether two paths lead to the same file, as on a disk that does not know case."""
        items = self.folder.items
        with contextlib.suppress(OSError):
            return (items / one).samefile(items / other)
        return False

    def _before(self, known: dict[str, Before], path: str, state: os.stat_result) -> Output | None:
        """Return what parbatch has published where something is in the way; None where that is nothing."""
        if path in known:
            return known[path].output
        elsewhere = self._elsewhere(folded(path))
        if elsewhere is not None and elsewhere.is_live:
            raise PublishError(_taken(path, elsewhere.id, elsewhere.where))
        if elsewhere is None and not self._was_there_before(state):
            return None
        known[path] = elsewhere or Before("", is_live=False, output=_NOTHING_KNOWN)
        return known[path].output

    def _was_there_before(self, state: os.stat_result) -> bool:
        """Whether a file was there when a checkpoint that could not be read was set aside: it may be parbatch's."""
        row = self.checkpoint._db.execute("SELECT value FROM facts WHERE key = ?", (SET_ASIDE,)).fetchone()
        return row is not None and str(row[0]).isdecimal() and state.st_ctime_ns <= int(row[0])

    def _write(self, one: Published) -> None:
        places = one.places
        newer = {place: output.path for place, output in places}
        tmp = (self.folder.tmp / self.run_id).relative_to(self.folder.root).as_posix()
        edited = set(one.publication.edited)
        due = [
            (
                one.id,
                path,
                f"{tmp}/{one.publication.staged}{OLD}/{path}",
                EDITED if path in edited else ANOTHERS,
            )
            for path in one.replaced
        ]
        if self.had_before:
            due += [
                (one.id, path, f"items/{path}", NO_LONGER_MADE)
                for place, path in self.checkpoint.outputs_of(one.id).items()
                if newer.get(place) != path and not (place in newer and self._is_one_file(newer[place], path))
            ]
        if due:
            self._has_due = True
            mark(self.checkpoint, self.folder, self.run_id, due)
        self.checkpoint.set_outputs(one.id, places)

    def _waits(self, one: Published) -> bool:
        kept = f"{self.run_id}/{one.publication.staged}{OLD}"
        return waits_below(self.checkpoint, self.folder, kept)

    def _forget_claims(self, one: Published) -> None:
        for place, _ in one.places:
            self._claims.pop(place, None)

    def _is_taken(self, place: str, path: str) -> bool:
        """Whether somebody else's file is where a stale one was; on a disk that knows case they can be two."""
        newer = self._claims[place][1] if place in self._claims else self.checkpoint.path_at(place)
        if newer is None:
            elsewhere = self._elsewhere(place)
            return elsewhere is not None and elsewhere.is_live
        items = self.folder.items
        return newer == path or ((items / path).exists() and (items / path).samefile(items / newer))


def _known(checkpoint: Checkpoint, place: str) -> Before | None:
    row = checkpoint._db.execute(
        "SELECT outputs.id, status, path, size, mtime_ns, outputs.digest FROM outputs"
        " LEFT JOIN items ON items.id = outputs.id WHERE place = ?",
        (place,),
    ).fetchone()
    if row is None:
        return None
    item_id, status, *output = row
    return Before(item_id, status == "ok", Output(*output))


def _across(checkpoint: Checkpoint, outputs: Iterable[Output]) -> list[tuple[str, str, str]]:
    """Return what items that are not ok have published as a folder of one of these outputs, or below one of them.

    Returns the item's id, the place and the path of each.
    """
    query = (
        "SELECT outputs.id, place, path FROM outputs LEFT JOIN items ON items.id = outputs.id"
        " WHERE status IS NOT 'ok' AND "
    )
    found: dict[str, tuple[str, str, str]] = {}
    for output in outputs:
        place = folded(output.path)
        parents = [(place[:end],) for end, character in enumerate(place) if character == "/"]
        for where, values in [
            ("place > ? AND place < ?", (f"{place}/", f"{place}0")),  # the digit comes after the separator
            *(("place = ?", parent) for parent in parents),
        ]:
            rows = checkpoint._db.execute(query + where, values)
            found |= {row[1]: row for row in rows}
    return list(found.values())


def known_in(checkpoint: Checkpoint, place: str, where: str) -> Before | None:
    """Return what another checkpoint has in a place; `where` says which that is."""
    known = _known(checkpoint, place)
    return None if known is None else known._replace(where=where)


def _taken(path: str, owner: str, where: str = "") -> str:
    advice = "Put the item's id into the file's name; a file that is no result belongs in ctx.scratch."
    if where:
        advice += " Where an item was only given another id, run that shard with --resume, and then this one."
    return f"{path} was published by item {owner!r}{where} already. {advice}"
