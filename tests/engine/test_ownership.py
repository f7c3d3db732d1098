"""Who owns a published file, from run to run."""

from pathlib import Path
from typing import Any

import parbatch
from parbatch import Item, Job


def published(out: Path, *ids: str, **options: Any) -> dict[str, str]:
    """The statuses after a run over items that each publish a file named after them, or the one given."""
    job = Job("owners")

    @job.items
    def items() -> list[Item]:
        return [Item(id=item_id, data={"file": options.get("file")}) for item_id in ids]

    @job.render
    def write(item: Item, ctx: Any) -> None:
        (ctx.dir / (item.data["file"] or f"{item.id}.txt")).write_text(item.id)

    resume = (out / "run" / "checkpoint.sqlite").exists()
    result = parbatch.run(job, out=str(out), backend="inline", progress="none", resume=resume)
    return {failure.id: failure.message for failure in result.failures}


def test_an_item_that_comes_back_is_made_again_where_another_took_its_place(tmp_path: Path) -> None:
    assert published(tmp_path, "a", file="same.txt") == {}
    assert published(tmp_path, "b", file="same.txt") == {}
    assert (tmp_path / "items" / "same.txt").read_text() == "b"
    assert published(tmp_path, "a", file="same.txt") == {}
    assert (tmp_path / "items" / "same.txt").read_text() == "a"


def test_two_items_can_not_both_be_ok_by_virtue_of_one_file(tmp_path: Path) -> None:
    assert published(tmp_path, "a", "b", file="same.txt") == {
        "b": "same.txt was published by item 'a' already. Put the item's id into the file's name;"
        " a file that is no result belongs in ctx.scratch."
    }
    assert (tmp_path / "items" / "same.txt").read_text() == "a"


def test_a_sibling_in_another_case_that_comes_later_makes_the_first_one_due_again(tmp_path: Path) -> None:
    job = Job("siblings")
    ids = ["x", "Ab"]

    @job.items
    def items() -> list[Item]:
        return [Item(id=item_id) for item_id in ids]

    @job.render
    def write(item: Item, ctx: Any) -> Any:
        document = ctx.document()
        document.add_paragraph(item.id)
        return document

    def run(**options: Any) -> list[str]:
        result = parbatch.run(job, out=str(tmp_path), backend="inline", progress="none", **options)
        assert result.failures == []
        return sorted(path.name for path in (tmp_path / "items").iterdir())

    assert run() == ["Ab.docx", "x.docx"]
    ids.append("ab")
    first, *rest = run(resume=True)
    assert first.startswith("Ab~")
    assert rest == ["ab.docx", "x.docx"]
    assert run(resume=True) == [first, *rest]


def test_items_can_exchange_their_file_names(tmp_path: Path) -> None:
    job = Job("exchange")
    names = {"a": "one", "b": "two", "c": "three"}

    @job.items
    def items() -> list[Item]:
        return [Item(id=item_id, data={"file": file}) for item_id, file in names.items()]

    @job.render
    def write(item: Item, ctx: Any) -> None:
        (ctx.dir / item.data["file"]).write_text(item.id)

    for exchanged in (names, {"a": "two", "b": "one", "c": "three"}, {"a": "three", "b": "two", "c": "one"}):
        names |= exchanged
        result = parbatch.run(
            job, out=str(tmp_path), backend="inline", progress="none", resume=(tmp_path / "run").exists()
        )
        assert result.failures == []
        written = {path.name: path.read_text() for path in (tmp_path / "items").iterdir()}
        assert written == {file: item_id for item_id, file in names.items()}
