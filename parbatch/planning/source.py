"""The job's items as rows, one by one as its items function gives them, each checked.

Called by `changes` and `plan`. The source is read once, lazily, and never held in memory. It knows no checkpoint.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from parbatch.errors import DataError, JobError
from parbatch.model.item import Item
from parbatch.model.job import Job
from parbatch.model.json_values import NotJSONError, encode
from parbatch.model.tracebacks import innermost_own
from parbatch.model.units import counted
from parbatch.planning.placing import Row
from parbatch.worker.explanations import folder_hint
from parbatch.worker.process_tree import leave_if_not

_MOST_PRIORITY = 2**62  # what the checkpoint's numbers hold
_FIELDS = frozenset({"id", "name", "group", "data", "requires", "priority"})


def rows(job: Job) -> Iterator[Row]:
    """Each item of the job as a row: id, name, group, data and requires as JSON, priority.

    Raises DataError for an item that can't be one, and JobError when the items function fails.
    """
    pid = os.getpid()
    try:
        source = iter(_source(job))
    finally:
        leave_if_not(pid)
    for number in range(1, 1 << 62):
        try:
            given = next(source)
        except StopIteration:
            return
        except (Exception, SystemExit) as error:
            raise JobError(_source_failed(job, number - 1, error)) from error
        finally:
            leave_if_not(pid)
        item = given if type(given) is Item else _as_item(given, number)
        yield _row(item, number)


def _source(job: Job) -> Iterable[Any]:
    try:
        return job.source()
    except JobError:
        raise
    except (Exception, SystemExit) as error:
        raise JobError(_source_failed(job, 0, error)) from error


def _source_failed(job: Job, after: int, error: BaseException) -> str:
    place, line = innermost_own(error.__traceback__)
    where = f" at {place.partition(':')[0]}:{line}" if place else ""
    told = f"{job!r}: its items function failed after {counted(after, 'item')}{where}: {type(error).__name__}: {error}"
    return "; ".join(filter(None, (told, folder_hint(error, error.__traceback__))))


def _as_item(given: object, number: int) -> Item:
    """Return an Item from a mapping: its fields if it has `data`, else a row of data with an `id` in it."""
    if isinstance(given, Item):
        return given
    if not isinstance(given, Mapping):
        raise DataError(f"Item {number} is of type {type(given).__name__}; yield Items, or mappings with an id.")
    if "id" not in given:
        shown = ", ".join(map(str, given)) or "nothing"
        raise DataError(f"Item {number} has no id (it has: {shown}). Give each item an id that is stable between runs.")
    fields = {key: given[key] for key in _FIELDS if key in given}
    if "data" not in given:
        fields.pop("priority", None)  # a column of the row's own; its numbers may well mean something else
        fields["data"] = dict(given)
    elif unknown := [str(key) for key in given if key not in _FIELDS]:
        raise DataError(f"Item {number} ({given['id']!r}) has fields that items don't have: {', '.join(unknown)}.")
    return Item(**fields)


def _row(item: Item, number: int) -> Row:
    item_id, name, group = item.id, item.name, item.group
    if type(item_id) is not str or type(name) is not str or type(group) is not str or not item_id:
        _complain_of_texts(item, number)
    try:
        data = encode(item.data, f"item {item_id!r}: data").decode()
        requires = encode(_names(item), f"item {item_id!r}: requires").decode() if item.requires else None
        (item_id + name + group).encode()
    except NotJSONError as error:
        raise DataError(f"{str(error)[0].upper()}{str(error)[1:]}. Items carry JSON values only.") from None
    except UnicodeEncodeError:
        raise DataError(f"Item {number}: its id, name or group is not valid text: {item_id!r}, {name!r}.") from None
    priority = item.priority
    if type(priority) is not int or not -_MOST_PRIORITY <= priority <= _MOST_PRIORITY:
        raise DataError(f"Item {item_id!r}: its priority is {priority!r}; it has to be a whole number, 0 for most.")
    return item_id, name, group, data, requires, priority


def _names(item: Item) -> list[str]:
    names: Any = item.requires
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise DataError(f"Item {item.id!r}: its requires is {names!r}; it has to be a list of names.")
    return list(dict.fromkeys(names))


def _complain_of_texts(item: Item, number: int) -> None:
    if item.id == "":
        raise DataError(f"Item {number} has an empty id. Give each item an id that is stable between runs.")
    for field in ("id", "name", "group"):
        value = getattr(item, field)
        if not isinstance(value, str):
            advice = f" Write {field}=str(…)." if field == "id" else ""
            shown = f"{value!r}, of type {type(value).__name__}"
            raise DataError(f"Item {number}: its {field} is {shown}; it has to be text.{advice}")
