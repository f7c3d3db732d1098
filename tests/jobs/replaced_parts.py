"""Parts of the template replaced by hand, as trees and as contents of every kind that plain python-docx writes."""

from copy import deepcopy

from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.shared import Pt

from parbatch import Item, Job

job = Job("replaced")

house = Document()  # stands for the house style's file
house.styles["Normal"].font.size = Pt(33)
house.styles["List Bullet"].name = "House Bullet"


@job.items
def items():
    for kind in (bytes, str, bytearray, memoryview):
        for number in range(2):
            yield Item(id=f"{kind.__name__}{number}")


@job.render
def render(item, ctx):
    document = Document()
    document.part._styles_part._element = deepcopy(house.styles.element)
    document.part.numbering_part._element = parse_xml(f"<w:numbering {nsdecls('w')}/>")
    for part in document.part.package.iter_parts():
        if "theme" in part.partname:
            text = part.blob.decode().replace("Office", "House")
            kinds = {"bytes": bytes, "bytearray": bytearray, "memoryview": memoryview}
            kind = kinds.get(item.id.rstrip("01"))
            part._blob = text if kind is None else kind(text.encode())
    document.add_paragraph(item.id)
    return document
