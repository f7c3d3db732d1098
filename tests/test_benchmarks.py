"""The benchmarks go on measuring what the documents show."""

import ast
from pathlib import Path

from benchmarks.readme import ROWS, TIMES, lay_out


def test_readmes_job_and_its_plain_loop_are_found_in_readme(tmp_path: Path) -> None:
    lay_out(tmp_path)
    for name in ("letters.py", "plain.py"):
        source = (tmp_path / name).read_text(encoding="utf-8")
        ast.parse(source)
        assert source.count("document.add_paragraph(") == 2
        assert f"for _ in range({TIMES}):" in source
    assert len((tmp_path / "people.csv").read_text(encoding="utf-8").splitlines()) == ROWS + 1
