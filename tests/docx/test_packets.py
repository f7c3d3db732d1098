"""The benchmark's packets have the shape that they are said to have, and come out the same either way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docx
import pytest

from benchmarks.packets import document_cost, plain_loop
from benchmarks.packets_content import build_template, make_packet, make_regional, packet_items, packet_result
from parbatch.docx import accelerate, open_template, restore
from tests.docx.docx_script import saved_parts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    restore()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_template(tmp_path_factory.mktemp("packets") / "template.docx"))


def test_there_are_592_items_and_992_documents_always_the_same() -> None:
    items = list(packet_items())
    assert len(items) == len({item["id"] for item in items}) == 592
    assert sum(len(item["data"]["editions"]) for item in items) == 992
    assert list(packet_items()) == items


def test_packets_have_the_shape_of_the_measure(template: str) -> None:
    accelerate()
    counts = []
    for item in list(packet_items())[::15]:
        for edition in item["data"]["editions"]:
            document = make_packet(item["data"], edition, open_template, template)
            body = document.element.body
            words = sum(len((t.text or "").split()) for t in body.iter("{*}t"))
            breaks = len(body.xpath(".//w:br[@w:type='page']"))
            counts.append(
                (
                    *(sum(1 for _ in body.iter("{*}" + tag)) for tag in "pr"),
                    words,
                    len(document.tables),
                    breaks,
                )
            )
    paragraphs, runs, words, tables, breaks = (sum(column) / len(counts) for column in zip(*counts, strict=True))
    assert 620 < paragraphs < 680
    assert min(count[0] for count in counts) >= 490
    assert max(count[0] for count in counts) <= 950
    assert 720 < runs < 800
    assert 6500 < words < 7300
    assert 4 <= tables <= 5
    assert breaks == 20


def test_packets_and_regions_are_the_same_with_acceleration(template: str) -> None:
    items = list(packet_items())[:12]
    results = [packet_result(item["data"]) for item in items]

    def made() -> list[dict[str, bytes]]:
        documents = [
            make_packet(item["data"], item["data"]["editions"][0], docx.Document, template) for item in items[:2]
        ]
        documents.append(make_regional("North", results, docx.Document, template))
        return [saved_parts(document) for document in documents]

    plain = made()
    accelerate()
    assert made() == plain


def test_the_plain_loop_writes_every_document(tmp_path: Path) -> None:
    done = plain_loop(tmp_path, limit=1)
    assert done["documents"] == len(list(tmp_path.glob("packet-*.docx"))) + 1
    assert done["cpu_s"] > 0


def test_acceleration_keeps_what_it_promises() -> None:
    """A guard against losing speed unnoticed, well below what is measured on an idle machine.

    One document each, beside other tests: half of what `make bench` demands of many rounds.
    """
    row = document_cost(rounds=1, sample=1)
    assert row.value > row.must / 2
