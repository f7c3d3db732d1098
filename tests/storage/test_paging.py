"""Rows a page at a time."""

from pathlib import Path

import pytest

from parbatch import Item
from parbatch.storage.folder import Folder
from parbatch.storage.paging import PAGE_BYTES, page
from tests.support import new_checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "out")


def test_a_page_is_full_at_so_many_bytes_and_all_pages_together_are_all_rows(folder: Folder) -> None:
    items = [Item(id=f"i{number}", data="x" * (PAGE_BYTES // 3)) for number in range(20)]
    checkpoint = new_checkpoint(folder, *items)
    rows = page(checkpoint._db.execute("SELECT position, data FROM items ORDER BY position"), 1)
    assert 3 <= len(rows) <= 7
    assert [one.id for one in checkpoint.tasks()] == [item.id for item in items]
    assert [outcome.item.id for outcome in checkpoint.outcomes()] == [item.id for item in items]
