"""What can go wrong before or around a run: a class for each exit code, a subclass for each kind of cause.

What goes wrong inside an item is no exception here: it is that item's outcome.
"""


class ParbatchError(Exception):
    """A problem that parbatch explains in one message: what happened, to what, and what to do next."""

    exit_code = 1
    # The RunResult of what was done before it, where that is something: it is kept, written down, and told as well.
    result: object | None = None


class NothingRunError(ParbatchError):
    """Nothing was run: usage, job, data, an unfinished earlier run, or a selection that matches no item."""

    exit_code = 2


class JobError(NothingRunError):
    """The job can't be found, loaded, or is not complete."""


class DataError(NothingRunError):
    """An item, or a value given as an option, is not what it has to be."""


class FolderError(NothingRunError):
    """The output folder can't be used, or holds an earlier run that must be gone on with or started over."""


class CheckpointError(NothingRunError):
    """The checkpoint can't be used: not now, as on a full disk, or not at all."""


class DamagedCheckpointError(CheckpointError):
    """The checkpoint is damaged, not parbatch's, or of another version: a run with --fresh sets it aside."""


class SelectionError(NothingRunError):
    """The selection matches no item."""


class SetupError(ParbatchError):
    """The job's setup, or the loading of the job in a worker, failed; no worker could start rendering.

    With `before_first_item`, nothing was rendered before it, and it ends a command as what runs nothing does.
    """

    def __init__(self, message: str, *, before_first_item: bool = False) -> None:
        super().__init__(message)
        self.before_first_item = before_first_item
        if before_first_item:
            self.exit_code = NothingRunError.exit_code


class FolderHeldError(ParbatchError):
    """Another run holds the output folder."""

    exit_code = 3


class NotWrittenError(ParbatchError):
    """What a command had to say could not be written to standard output."""


class NobodyReadsError(NotWrittenError):
    """Whoever read standard output has closed it, as in `parbatch list | head`: the command ends in silence."""

    exit_code = 141  # as a shell shows for SIGPIPE


class MergeError(Exception):
    """Results can't be put together; the message names the items and what to do."""


class PublishError(Exception):
    """What an attempt left behind can't be published; the message says which file and why."""
