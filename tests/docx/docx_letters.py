"""A job of three letters with python-docx, and the command that runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

JOB = """
{top}
import sys

from parbatch import Item, Job

job = Job("letters")


@job.items
def people():
    return [Item(id=f"n{{number}}") for number in range(3)]


@job.render
def letter(item, ctx):
{inside}
    document.add_paragraph(f"Dear {{item.name}}", style="List Bullet")
    ctx.metric("fast", +sys.modules["parbatch.docx.acceleration"].accelerated())
    return document
"""


def run(folder: Path, *options: str) -> tuple[dict[str, Any], str]:
    """The report of a run of the folder's job, and what was printed, by the command in a process of its own."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "parbatch",
            "run",
            "job.py",
            "--workers",
            "1",
            "--progress",
            "none",
            "--fresh",
            *options,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "outputs/letters/report.json").read_text(encoding="utf-8")), done.stdout + done.stderr
