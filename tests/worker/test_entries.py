"""Entries in a worker: acquired for a chunk, given to an item, released."""

import contextlib
import gc
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parbatch import Entry
from parbatch.model.entry import Summary
from parbatch.model.item import Item
from parbatch.planning.context_entries import renew
from parbatch.storage.context_store import staging, write_index
from parbatch.storage.folder import Folder
from parbatch.worker.entries import EntryError, Required, SharedEntries
from tests.support import make_job, new_checkpoint

CONTENTS: dict[str, Any] = {
    "text": "Grüße, " * 1000,
    "bytes": b"\x00\x01" * 3000,
    "json": {"prices": [1, 2.5, None]},
    "array": np.arange(5000, dtype="<f8").reshape(50, 100),
    "empty": "",
}


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """The index of a store with an entry of each kind."""
    folder = Folder(tmp_path)
    job = make_job([Item(id="a")])
    job.context(lambda: [Entry(name, content, summary=f"the {name}") for name, content in CONTENTS.items()])
    checkpoint = new_checkpoint(folder, "a")
    with staging(folder) as stage:
        renew(checkpoint, job, stage, items_changed=True)
        stage.settle()
    index = write_index(checkpoint, folder)
    checkpoint.close()
    assert index is not None
    return index


def mapped_files() -> list[str]:
    """The contents that this process has mapped."""
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if "/run/context/" in line]


def open_files() -> list[str]:
    """The contents that this process has open."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # that of the listing itself
            found.append(str(descriptor.readlink()))
    return [path for path in found if "/run/context/" in path]


def test_contents_are_what_they_were_and_files_are_open_only_while_they_are_held(index: Path) -> None:
    entries = SharedEntries(str(index))
    entries.acquire(CONTENTS)
    assert len(entries) == 5
    assert len(open_files()) == 5
    required = Required(entries, tuple(CONTENTS))
    for name, content in CONTENTS.items():
        found = required[name].content
        assert np.array_equal(found, content) if name == "array" else found == content
        del found
        assert required[name].content is required[name].content
    assert len(mapped_files()) == 4  # an empty file can't be mapped
    assert required.close() == []
    assert mapped_files() == []
    entries.release()
    assert open_files() == []
    assert (len(entries), entries.size) == (0, 0)


def test_an_item_that_closes_what_is_not_its_own_takes_no_entry_from_its_chunk_mates(index: Path) -> None:
    entries = SharedEntries(str(index))
    lowest = os.dup(0)
    os.close(lowest)
    entries.acquire(["text"])
    with contextlib.suppress(OSError):
        os.close(lowest)
    assert Required(entries, ("text",))["text"].content == CONTENTS["text"]
    entries.release()
    assert open_files() == []


def test_each_item_has_contents_of_its_own(index: Path) -> None:
    entries = SharedEntries(str(index))
    entries.acquire(["json"])
    first = Required(entries, ("json",))
    first["json"].content["prices"].clear()
    first.close()
    assert Required(entries, ("json",))["json"].content == CONTENTS["json"]
    entries.release()


def test_an_entry_that_was_not_required_is_refused_in_words(index: Path) -> None:
    required = Required(SharedEntries(str(index)), ("text",))
    with pytest.raises(EntryError, match=r"'json' was not required by this item, which requires text\. Add it to"):
        required["json"]
    assert "json" not in required
    assert [*required] == ["text"]


def test_an_entry_that_there_is_not_is_refused_with_what_is_close(index: Path) -> None:
    with pytest.raises(EntryError, match=r"no entry 'txet'. Close to it: text\."):
        Required(SharedEntries(str(index)), ())["txet"]
    with pytest.raises(EntryError, match="the job has no entries"):
        Required(SharedEntries(), ())["text"]


def test_summaries_are_listed_and_searched_without_contents(index: Path) -> None:
    required = Required(SharedEntries(str(index)), ())
    assert [summary.id for summary in required.summaries()] == [*CONTENTS]
    (found,) = required.search("THE ARRAY")
    assert isinstance(found, Summary)
    assert found.layout == "<f8 50 100"
    assert open_files() == []


def test_a_view_that_an_item_kept_is_told_and_harms_nobody(index: Path) -> None:
    entries = SharedEntries(str(index))
    entries.acquire(["array", "bytes"])
    required = Required(entries, ("array", "bytes"))
    kept, released = required["array"].content, required["bytes"].content
    (note,) = required.close()
    assert "entry 'array' was kept beyond the end of this item" in note
    entries.release()
    assert kept[1, 1] == 101
    with pytest.raises(ValueError, match="released"):
        released.tobytes()
    del kept, required
    gc.collect()
    assert mapped_files() == []


def test_a_view_that_only_a_circle_of_references_holds_is_not_kept(index: Path) -> None:
    entries = SharedEntries(str(index))
    entries.acquire(["array"])
    required = Required(entries, ("array",))
    circle: list[Any] = [required["array"].content]
    circle.append(circle)
    del circle
    assert required.close() == []
    entries.release()
    assert mapped_files() == []


@pytest.mark.parametrize("harm", [lambda file: file.unlink(), lambda file: file.write_bytes(b"x")])
def test_a_content_that_is_missing_or_damaged_is_an_error_for_who_asks_for_it_alone(index: Path, harm: Any) -> None:
    entries = SharedEntries(str(index))
    harm(index.parent / entries.index["text"].digest)
    entries.acquire(["text", "json"])
    required = Required(entries, ("text", "json"))
    assert required["json"].content == CONTENTS["json"]
    with pytest.raises(EntryError, match=r"entry 'text' can't be read: .*--resume"):
        required["text"].content  # noqa: B018 -- asking is what fails
    required.close()
    entries.release()
