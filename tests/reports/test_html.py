"""`report.html` as text: its size, its policy, and what can be read without scripts."""

import base64
import hashlib
import json
import random
import re
import zlib
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from parbatch.model.problem import Evidence
from parbatch.reports.html import report as html
from parbatch.reports.html.figures import as_json
from parbatch.reports.report_data import Material
from tests.reports.making import anew, checkpoint_of, made, made_of

MB = 1_000_000


def page(material: Material) -> str:
    file = BytesIO()
    html.write(material, file)
    return file.getvalue().decode()


def table_rows(text: str) -> list[list[Any]]:
    packed = re.search(r'id="rows">([^<]*)<', text)
    assert packed
    rows: list[list[Any]] = json.loads(zlib.decompress(base64.b64decode(packed[1])))
    return rows


def test_a_page_of_600_items_is_smaller_than_1_mb_whatever_they_left_behind(tmp_path: Path) -> None:
    noise = random.Random(1)
    statuses = {f"{n}-{noise.randbytes(300).hex()}": "failed" for n in range(600)}
    with made_of(tmp_path, statuses) as material:
        for number, position in enumerate(range(600)):
            evidence = {"type": f"E{'x' * number}", "message": "<&>" * 1300, "traceback": noise.randbytes(10_000).hex()}
            checkpoint_of(material)._db.execute(
                "UPDATE attempts SET evidence = ? WHERE rowid = ?", (json.dumps(evidence), position + 1)
            )
        assert 100_000 < len(page(anew(material)).encode()) < MB


def test_a_page_of_100_000_items_is_smaller_than_3_mb_and_lists_them_all(tmp_path: Path) -> None:
    noise = random.Random(1)
    with made_of(tmp_path, {f"item-{n:06}": "failed" if n % 1000 == 0 else "ok" for n in range(100_000)}) as material:
        with checkpoint_of(material).transaction():
            checkpoint_of(material)._db.executemany(
                'UPDATE items SET name = ?, "group" = ?, duration_s = ?, peak_memory_bytes = ? WHERE position = ?',
                [
                    (
                        f"Item number {n}",
                        f"group {n // 500}",
                        noise.lognormvariate(-4, 1),
                        2**20 * noise.randrange(60),
                        n,
                    )
                    for n in range(100_000)
                ],
            )
            checkpoint_of(material)._db.execute(
                "INSERT INTO outputs SELECT id || '.docx', id, id || '.docx', 1, 1, '' FROM items WHERE status = 'ok'"
            )
        text = page(material)
    assert len(text.encode()) < 3 * MB
    assert len(table_rows(text)) == 100_000
    assert "All 100,000 items, those that are not ok first." in text


def test_of_more_items_only_those_that_are_not_ok_are_listed_and_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parbatch.reports.report_data.MOST_LISTED", 4)
    monkeypatch.setattr("parbatch.reports.html.report.MOST_LISTED", 4)
    monkeypatch.setattr("parbatch.reports.html.figures.MOST_DRAWN", 3)
    with made(tmp_path, a="ok", b="failed", c="pending", d="ok", e="crashed") as material:
        text = page(material)
    assert [row[0] for row in table_rows(text)] == ["b", "e"]
    assert "2 of 5 items: only those that were tried and are not ok. The checkpoint has all." in text
    assert "Drawn from one item in 2" in text


def test_the_policy_allows_the_pages_own_script_and_style_alone(tmp_path: Path) -> None:
    with made(tmp_path, a="ok") as material:
        text = page(material)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    for kind, part in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "innerHTML" not in script
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", text)


def test_counts_causes_tracebacks_and_logs_are_there_without_scripts(tmp_path: Path) -> None:
    evidence = Evidence(type="ValueError", message="no <such> city", traceback="Traceback …\n\x1b[31mValueError\x1b[0m")
    with made(tmp_path, evidence, a="failed", b="failed", c="ok") as material:
        (tmp_path / "run/logs/a.stderr.txt").write_text("last words & <more>\x1b[0m\x00")
        text = page(anew(material))

    class Reader(HTMLParser):
        texts = ""
        tag = ""

        def handle_starttag(self, tag: str, _: object) -> None:
            self.tag = tag

        def handle_data(self, data: str) -> None:
            if self.tag not in {"script", "style"}:
                self.texts += data

    reader = Reader()
    reader.feed(text)
    for shown in (
        "3items",
        "1ok",
        "2failed",
        "ValueError: no <such> city",
        "Traceback …\nValueError",
        "2 items not ok",
    ):
        assert shown in reader.texts.replace("\n3", "3")
    assert "last words & <more>\\x00" in reader.texts
    assert '<a href="run/logs/a.stderr.txt">stderr</a>' in text


def test_data_in_a_script_block_can_not_end_it() -> None:
    hostile = "</script><!-- & \u2028\u2029"
    text = as_json({"text": hostile})
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text)["text"] == hostile
