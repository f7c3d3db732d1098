"""Housekeeping between items: the process is left as the next one should find it.

That is its memory, children, garbage, open files and state. Called by `attempt`, before and after the job's code; it
must not know how the item ends.
"""

import gc
import os
import traceback
from collections.abc import Collection

from parbatch.worker.capture import Capture
from parbatch.worker.limits import hold_memory, own_bytes, relieve_memory
from parbatch.worker.open_files import OpenFiles
from parbatch.worker.process_state import Calls, ProcessState
from parbatch.worker.process_tree import Children

# A few of the arenas, of a mebibyte each, that Python takes its memory in.
_RESERVE = 4 * 1024**2


class Housekeeping:
    """Looks after the process from item to item. `memory_cap` in bytes; garbage is collected every `gc_every` items."""

    def __init__(self, capture: Capture, *, gc_every: int, memory_cap: int | None) -> None:
        self._capture = capture
        self._gc_every = gc_every
        self._memory_cap = memory_cap
        self._home = os.getcwd()
        self.pid = os.getpid()
        self._since_collection = 0
        self._reserve_bytes = 0
        self._reserve = b""
        self._children: Children | None = None
        self._state: ProcessState | None = None
        self._files = OpenFiles()
        # Whether a function that renders a whole chunk goes on when an item is done: then what it has begun, be it
        # processes or a context, is still its own.
        self.is_amid_chunk = False

    def begin(self) -> None:
        """Remember what is there before the first item."""
        self._children = Children()
        self.look()

    def look(self, *, shared: bool = False) -> None:
        """Remember the state of this process, which items find from now on; it may be `shared` with other threads."""
        if self.is_amid_chunk:
            return
        self._files = OpenFiles(shared=shared)
        if self._children is not None:
            self._state = ProcessState()

    def keep_reserve(self) -> None:
        """Have some memory set aside for when an item has taken all there is."""
        if len(self._reserve) < self._reserve_bytes:
            self._reserve = bytes(self._reserve_bytes)

    def spend_reserve(self) -> None:
        """Set free what was set aside."""
        self._reserve = b""

    def spare_others(self) -> None:
        """From now on, end no processes after an item, and put nothing back: in a thread beside others, all that may
        well not be the item's.
        """
        self._children = self._state = None

    def leave_if_forked(self) -> None:
        """End a process that the item forked and let return from its function: there is one worker, not two."""
        if os.getpid() != self.pid:
            os._exit(0)

    def make_room(self, error: MemoryError) -> None:
        """Let go of what the item still holds through its frames; without room not even its failure can be told.

        The limit is lifted until the worker is small again; one that stays large is replaced.
        """
        relieve_memory()
        traceback.clear_frames(error.__traceback__)
        gc.collect()
        cap = self._memory_cap
        if cap is not None and self._reserve_bytes and own_bytes() < cap / 2:
            hold_memory(cap)

    def hold_memory(self) -> None:
        """Hold this process under its cap from now on."""
        if self._memory_cap is not None:
            self._reserve_bytes = _RESERVE
            hold_memory(self._memory_cap)

    def end_call(self) -> None:
        """Leave if this is a process that the item has forked. Stop the timers that it has set, while it is still the
        item that they interrupt.
        """
        if os.getpid() != self.pid:
            os._exit(0)
        if Calls.watched and not Calls.made:  # no timer was set
            return
        if self._state is not None and not self.is_amid_chunk and (timers := self._state.disarm()):
            self._note(f"this item left a timer running, which was stopped: {', '.join(timers)}")

    def clean_up(self, folders: Collection[str] = ()) -> None:
        """Leave the process as the next item should find it, and nothing open for writing below the item's folders."""
        self._since_collection += 1
        if self._since_collection >= self._gc_every:
            gc.enable()
            gc.collect()
            self._since_collection = 0
        if not self.is_amid_chunk:
            self._put_back()
        if folders and (files := self._files.close_below(folders)):
            self._note(f"this item left files open, which were closed: {', '.join(files)}")

    def _put_back(self) -> None:
        if self._children is not None and self._children.may_have_others():
            self.end_children()
        if _current_folder() != self._home:
            os.chdir(self._home)
        if self._state is not None and not self._state.is_as_found():
            if changed := self._state.put_back():
                self._note(f"this item left changes for the whole process, which were undone: {', '.join(changed)}")
            if threads := self._state.new_threads():
                self._note(f"this item left threads running, which can't be ended: {', '.join(threads)}")

    def end_children(self) -> None:
        """End what the item has left running, with a line for each in its log."""
        if self._children is not None and not self.is_amid_chunk:
            for process in self._children.end_others():
                self._note(f"ended a process that this item left running: {process}")

    def _note(self, text: str) -> None:
        """Write a line into the item's log."""
        self._capture.note(f"parbatch: {text}\n")


def _current_folder() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""
