"""Tables and paragraphs built in one go are those of the loop that people write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import docx
import pytest
from docx.shared import Emu, Inches
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parbatch.docx import accelerate, add_paragraphs, add_table, restore
from tests.docx.docx_script import saved_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docx.document import Document
    from docx.table import Table

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.sampled_from("\t\n\r <&"), max_size=8
)
values = texts.filter(lambda text: not set(text) & {"\ufffe", "\uffff"}) | st.none() | st.integers() | st.booleans()
tables = st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(values, min_size=n, max_size=n), min_size=1, max_size=5))


@pytest.fixture(autouse=True, params=[True, False], ids=["accelerated", "plain"])
def _accelerated(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param:
        accelerate()
    yield
    restore()


def by_loop(document: Document, rows: list[list[Any]], *, style: str | None, header: bool, widths: Any) -> Table:
    table: Table = document.add_table(len(rows), len(rows[0]), style)
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            table.cell(number, column).text = "" if value is None else str(value)
    if widths is not None:
        for column, width in enumerate(widths):
            table.columns[column].width = Emu(width)
            for row_ in table.rows:
                row_.cells[column].width = Emu(width)
    if header:
        table.rows[0]._tr.get_or_add_trPr().append(docx.oxml.OxmlElement("w:tblHeader"))
    return table


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables, st.sampled_from(["Table Grid", "Normal Table", None]), st.booleans(), st.booleans())
def test_a_table_is_the_one_of_the_loop(rows: list[list[Any]], style: str | None, header: bool, wide: bool) -> None:
    widths = [Inches(1 + number) for number in range(len(rows[0]))] if wide else None
    one, two = docx.Document(), docx.Document()
    by_loop(one, rows, style=style, header=header, widths=widths)
    body, head = (rows[1:], rows[0]) if header else (rows, None)
    table = add_table(two, iter(body), style=style, header=head, widths=widths)
    assert saved_parts(one) == saved_parts(two)
    assert len(table.rows) == len(rows)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(values.filter(lambda value: isinstance(value, str)), max_size=6),
    st.sampled_from(["Quote", "Normal", None]),
)
def test_paragraphs_are_those_of_the_loop(lines: list[str], style: str | None) -> None:
    one, two = docx.Document(), docx.Document()
    made = [one.add_paragraph(line, style) for line in lines]
    assert [p.text for p in add_paragraphs(two, iter(lines), style=style)] == [p.text for p in made]
    assert saved_parts(one) == saved_parts(two)


def test_a_table_that_makes_no_sense_is_refused_before_anything_is_added() -> None:
    document = docx.Document()
    empty = saved_parts(document)
    with pytest.raises(ValueError, match="row 2 of the table has 1 cells, the first one 2"):
        add_table(document, [["a", "b"], ["c"]])
    with pytest.raises(ValueError, match="no columns"):
        add_table(document, [])
    with pytest.raises(ValueError, match="2 columns, but 3 widths"):
        add_table(document, [["a", "b"]], widths=[1, 2, 3])
    with pytest.raises(ValueError, match=r"row 1, column 2 of the table has U\+0007"):
        add_table(document, [["a", "b\a"]])
    with pytest.raises(ValueError, match=r"row of the header, column 1 of the table has U\+0000"):
        add_table(document, [["a"]], header=["\0"])
    with pytest.raises(ValueError, match=r"text 2 has U\+0001"):
        add_paragraphs(document, ["a", "\x01"])
    with pytest.raises(KeyError, match="no style with name 'None such'"):
        add_paragraphs(document, ["a"], style="None such")
    assert saved_parts(document) == empty


def test_what_xml_forbids_is_dropped_on_request() -> None:
    document = docx.Document()
    table = add_table(document, [["a\x01b"]], header=["\0c"], drop_forbidden=True)
    assert [cell.text for cell in table._cells] == ["c", "ab"]
    assert add_paragraphs(document, ["x\x02y"], drop_forbidden=True)[0].text == "xy"


def test_a_table_without_rows_has_the_columns_of_its_header_or_widths() -> None:
    document = docx.Document()
    assert len(add_table(document, [], header=["a", "b"]).rows) == 1
    assert len(add_table(document, [], widths=[Inches(1)] * 3).columns) == 3


def test_one_text_in_place_of_several_is_no_list_of_letters() -> None:
    document = docx.Document()
    with pytest.raises(TypeError, match=r"texts is a single text; give a list of them, such as \[text\]"):
        add_paragraphs(document, "Dear Ada")
    assert not document.paragraphs
