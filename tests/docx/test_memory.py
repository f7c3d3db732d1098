"""A worker that renders documents all day does not grow."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RENDER_MANY = """
import gc, io, sys
import psutil
from parbatch.docx import accelerate, open_template, save
accelerate()
process = psutil.Process()
template = sys.argv[1]
for number in range(1, 2001):
    document = open_template(template if number % 2 else None)
    document.add_heading(f"Document {number}", 1)
    for line in range(40):
        paragraph = document.add_paragraph(f"line {line} of document {number}", style="List Bullet")
        paragraph.add_run("more").bold = True
    table = document.add_table(6, 3, "Table Grid")
    for row in table.rows:
        for cell in row.cells:
            cell.text = str(number)
    if number % 10 == 0:
        document.styles["Normal"].font.bold = True  # a copy of the styles of its own
    save(document, io.BytesIO())
    if number % 25 == 0:
        gc.collect()
    if number == 100:
        early = process.memory_info().rss
print(process.memory_info().rss / early)
"""


def test_two_thousand_documents_take_little_more_than_the_first_hundred(tmp_path: Path) -> None:
    import docx

    template = tmp_path / "template.docx"
    docx.Document().save(str(template))
    command = [sys.executable, "-c", RENDER_MANY, str(template)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.3
