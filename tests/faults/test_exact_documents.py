"""Documents that a run makes are those of plain python-docx, whatever the job does to it."""

import zipfile
from pathlib import Path

from tests.faults.outside import JOBS, contents, finish


def test_parts_replaced_by_hand_are_in_the_documents(tmp_path: Path) -> None:
    made = {}
    for name, options in (("fast", []), ("plain", ["--no-accelerate"])):
        out = tmp_path / name
        code, printed = finish("run", JOBS / "replaced_parts.py", "--workers", 1, "--out", out, *options)
        assert code == 0, printed
        made[name] = contents(out / "items")
    assert made["fast"] == made["plain"]
    assert len(made["fast"]) == 8
    for path in (tmp_path / "fast" / "items").iterdir():
        with zipfile.ZipFile(path) as archive:
            styles, numbering = archive.read("word/styles.xml"), archive.read("word/numbering.xml")
            assert b'w:sz w:val="66"' in styles
            assert b"House Bullet" in styles
            assert b"abstractNum" not in numbering
            assert b"House" in archive.read("word/theme/theme1.xml")


def test_a_job_that_has_changed_python_docx_gets_what_it_wants(tmp_path: Path) -> None:
    made = {}
    for name, options in (("fast", []), ("plain", ["--no-accelerate"])):
        out = tmp_path / name
        code, printed = finish("run", JOBS / "changed_docx.py", "--workers", 1, "--out", out, *options)
        assert code == 0, printed
        made[name] = contents(out / "items")
    assert made["fast"] == made["plain"]
