"""What README and the documents show works as it is shown, typed in order into an empty folder."""

import json
from pathlib import Path

import pytest

from tests.code_blocks import ROOT, Workspace, blocks_of

DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_block_works_as_it_is_shown(tmp_path: Path, document: Path) -> None:
    workspace = Workspace(tmp_path)
    blocks = blocks_of(document, workspace.evaluate)
    wrong = [f"{document.name}, line {block.line}: {told}" for block in blocks if (told := workspace.evaluate(block))]
    if told := workspace.finish():
        wrong.append(told)
    assert not wrong, "\n\n".join(wrong)
    assert len(blocks) == sum(line.lstrip().startswith("```") for line in document.read_text().splitlines()) / 2


@pytest.mark.parametrize("backend", ["loky", "inline"])
def test_readmes_own_job_is_accelerated_from_its_first_item_on(tmp_path: Path, backend: str) -> None:
    workspace = Workspace(tmp_path)
    (first,) = (
        one for one in blocks_of(ROOT / "README.md", workspace.evaluate) if one.parsed.startswith("# letters.py\n")
    )
    assert workspace.evaluate(first) is None
    told = workspace.run(f"parbatch run letters.py --workers 2 --limit 20 --backend {backend}")
    assert told is not None, "two of its rows have no city"
    report = json.loads((workspace.folder / "outputs/letters/report.json").read_text(encoding="utf-8"))
    assert report["rendered"] == 20
    assert report["documents"] == {"accelerated": 20, "plain": 0, "why_plain": ""}
    assert report["environment"]["acceleration"] == "on"


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ("```rust\nfn main() {}\n```\n", "nothing runs a block of the kind 'rust'"),
        ("```python title=x\n1 / 0\n```\n", "nothing runs a block of the kind 'python title=x'"),
        ("```python\n1 / 0\n```\n", "ZeroDivisionError"),
        ("```python\n# lost.py\nnot_a_job = 1\n```\n", "lost.py"),
        ("```console\n$ echo one\ntwo\n```\n", "is said to print at its end"),
        ("```sh\nfalse\n```\n", "ends with 1"),
        ("```sh\nmake no-such-target\n```\n", "ends with 2"),
        ("```\n<out>/no-such-file\n```\n", "no <out>/no-such-file"),
        ("```\nsome code\n```\n", "is no path in one"),
        ("```text\nsome code\n```\n", "a block of text is a drawing"),
        ("1. a list\n\n   ```python\n   1 / 0\n   ```\n", "ZeroDivisionError"),
    ],
)
def test_a_block_that_does_not_work_is_told(tmp_path: Path, block: str, why: str) -> None:
    document = tmp_path / "doc.md"
    document.write_text(f"# A document\n\n{block}", encoding="utf-8")
    workspace = Workspace(tmp_path)
    (one,) = blocks_of(document, workspace.evaluate)
    assert why in ((workspace.evaluate(one) or workspace.finish()) or "")


def test_a_sketch_is_only_compiled(tmp_path: Path) -> None:
    document = tmp_path / "doc.md"
    document.write_text("```python\n# sketch: write() is yours\nwrite(1 / 0)\n```\n", encoding="utf-8")
    workspace = Workspace(tmp_path)
    (one,) = blocks_of(document, workspace.evaluate)
    assert workspace.evaluate(one) is None
    assert workspace.finish() is None
