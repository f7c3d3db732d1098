"""A job that changes python-docx for its own process: every run in a font of its own, as people do for Chinese text."""

from docx import Document
from docx.text.paragraph import Paragraph

from parbatch import Item, Job

job = Job("patched")

_add_run = Paragraph.add_run


def add_run(self, text=None, style=None):
    run = _add_run(self, text, style)
    run.font.name = "SimSun"
    return run


Paragraph.add_run = add_run


@job.items
def items():
    for number in range(3):
        yield Item(id=f"d{number}")


@job.render
def render(item, ctx):
    document = Document()
    document.add_paragraph("one")
    document.add_paragraph("two", style="List Bullet")
    document.add_heading("three", 1)
    document.add_paragraph().add_run("four")
    document.add_table(1, 1).cell(0, 0).add_paragraph("five")
    if document.element.xml.count('w:ascii="SimSun"') != 5:
        raise AssertionError("a run is not in the font")
    return document
