"""The output folder: what lies where."""

import os
from pathlib import Path

from parbatch.storage.folder import Folder


def test_a_folder_is_where_it_was_named_wherever_the_process_goes(here: Path, tmp_path: Path) -> None:
    folder = Folder(Path("out"))
    os.chdir("/")
    assert folder.root == here / "out"
    assert folder.checkpoint == here / "out/run/checkpoint.sqlite"
    assert folder.log("ada", "stderr") == tmp_path / "out/run/logs/ada.stderr.txt"


def test_a_part_shares_items_with_the_whole_and_has_run_and_reports_of_its_own(tmp_path: Path) -> None:
    whole = Folder(tmp_path / "out")
    part = whole.part(tmp_path / "out/run/shards/2-of-5", "-2-of-5")
    assert part.items == whole.items
    assert part.checkpoint == tmp_path / "out/run/shards/2-of-5/checkpoint.sqlite"
    assert part.report("report.json") == tmp_path / "out/report-2-of-5.json"
    assert str(part) == f"shard 2/5 of {tmp_path}/out"
    assert part.whole().run == whole.run
