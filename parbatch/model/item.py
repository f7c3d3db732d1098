"""An item of a job, as its author gives it, and a task: one attempt at an item, as workers are handed it.

Both are immutable, and a task crosses the process boundary as JSON. They know neither outcomes nor the checkpoint.
"""

from typing import Any

import msgspec

from parbatch.model.file_names import stem
from parbatch.model.problem import NO_DATA

# The ending of an attempt's scratch folder.
SCRATCH = ".scratch"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One unit of work.

    `id` is unique in the job and stable between runs; `data` holds JSON values; `name` is for people and is the
    id where none is given; `group` serves counts and selections; `requires` names shared entries; an item of a higher
    `priority` goes before those of lower ones.
    """

    id: str
    data: Any = msgspec.field(default_factory=dict)
    name: str = ""
    group: str = ""
    requires: tuple[str, ...] = ()
    priority: int = 0

    def __post_init__(self) -> None:
        if not self.name:
            msgspec.structs.force_setattr(self, "name", self.id)


_TASK_BYTES = 500  # of a task whose item carries nothing


class Task(msgspec.Struct, frozen=True, array_like=True):
    """One attempt to make: an item as the checkpoint holds it, and which try this is (`number`, from 1).

    `feedback` is what the attempt before came to, as JSON, or null.
    """

    position: int
    id: str
    name: str
    group: str
    data: msgspec.Raw
    requires: tuple[str, ...] = ()
    stem: str = ""
    number: int = 1
    priority: int = 0
    feedback: msgspec.Raw = NO_DATA

    @property
    def size(self) -> int:
        """About the bytes that it takes in memory, and on its way to a worker."""
        return _TASK_BYTES + len(self.data) + len(self.name) + len(self.feedback)

    def item(self) -> Item:
        """Return the item that the job's functions get, its data freshly decoded."""
        return Item(
            id=self.id,
            name=self.name,
            group=self.group,
            data=msgspec.json.decode(self.data),
            requires=self.requires,
            priority=self.priority,
        )

    def staging(self, tmp: str) -> str:
        """Return the attempt's private place: the path of its folder, to which logs and scratch add an ending."""
        return f"{tmp}/{self.position}.{self.number}"

    @property
    def kind(self) -> str:
        """What an attempt at this is called in sentences."""
        return "the attempt" if self.position >= 0 else f"the {self.id}"

    @property
    def file_stem(self) -> str:
        """The name of the files that parbatch itself makes for the item, without extension."""
        return self.stem or stem(self.id)

    def again(self, feedback: msgspec.Raw) -> "Task":
        """Return the next attempt at the same item, which is told `feedback` of this one (`Ended.feedback`)."""
        return msgspec.structs.replace(self, number=self.number + 1, feedback=feedback)
