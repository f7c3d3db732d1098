"""README's own first job, taken from README itself, as typed at the prompt, against its plain loop over python-docx.

The job stays as README has it but for its length: what its render adds to a letter is added 150 times, which makes
documents of 300 paragraphs. `python -m benchmarks readme` measures it.
"""

import csv
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import docx
import msgspec

from benchmarks.measuring import ROOT, Row, alternate, ratio, timed

ROUNDS = 5
ROWS = 592
TIMES = 150
EVERY = 4  # of the plain loop's rows, which takes a minute for all

_JOB = re.compile(r"^```python\n(# letters\.py\n.*?)^```$", re.MULTILINE | re.DOTALL)
_BODY = re.compile(r"^(?:    document\.add_paragraph\(.*\n){2}", re.MULTILINE)

_PLAIN = """
import csv
import time

import docx

from parbatch import Item

began = time.perf_counter()
for row in [*csv.DictReader(open("people.csv", encoding="utf-8-sig"))][::{every}]:
    item = Item(id=row["number"], name=row["name"], data=row)
    document = docx.Document("letter.docx")
{body}
    document.save(f"plain/{{item.id}}.docx")
print(time.perf_counter() - began)
"""


def measure() -> list[Row]:
    """Row 1 of the design's table.

    Each round runs the command, its start-up included, and times the plain loop on every fourth row, without its
    start-up, scaled up by the number of rows.
    """
    print("README's own job against its plain loop", file=sys.stderr)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder)
        measured = alternate({"plain": lambda: _plain(folder), "parbatch": lambda: _parbatch(folder)}, ROUNDS)
        _compare(folder)
    return [
        Row(
            row=1,
            measure=f"README's own job at the prompt, {ROWS} documents of {2 * TIMES} paragraphs, 2 workers,"
            " against its plain loop",
            value=ratio(measured, "plain", "parbatch"),
            unit="x faster",
            must=14,
            aim=30,
            smaller_is_better=False,
            rounds=measured,
            note=", ".join(f"{name} {median(seconds):,.3g} s" for name, seconds in measured.items()),
        )
    ]


def lay_out(folder: Path) -> None:
    """Write the job, the plain loop, and what both read."""
    found = _JOB.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert found, "README has no block that begins with # letters.py"
    job, count = _BODY.subn(lambda body: _repeated(body[0]), found[1])
    assert count == 1, "README's letters.py has no two lines that add a paragraph each"
    body = _BODY.search(found[1])
    assert body
    (folder / "letters.py").write_text(job, encoding="utf-8")
    (folder / "plain.py").write_text(_PLAIN.format(every=EVERY, body=_repeated(body[0])), encoding="utf-8")
    (folder / "plain").mkdir()
    with (folder / "people.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("number", "name", "city"))
        rows.writerows((number, f"Office {number}", f"City {number % 50}") for number in range(ROWS))
    docx.Document().save(str(folder / "letter.docx"))


def _repeated(body: str) -> str:
    return f"    for _ in range({TIMES}):\n" + "".join(f"    {line}\n" for line in body.splitlines())


def _plain(folder: Path) -> float:
    done = subprocess.run([sys.executable, "plain.py"], cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout) * ROWS / len(range(0, ROWS, EVERY))


def _parbatch(folder: Path) -> float:
    command = str(Path(sys.executable).with_name("parbatch"))
    seconds = timed([command, "run", "letters.py", "--workers", "2", "--fresh"], folder)
    report = msgspec.json.decode((folder / "outputs/letters/report.json").read_bytes())
    assert report["documents"] == {"accelerated": ROWS, "plain": 0, "why_plain": ""}, report["documents"]
    return seconds


def _compare(folder: Path) -> None:
    """See to it that both have made the same documents: every part of every document that both have made."""
    made = sorted((folder / "plain").iterdir())
    assert len(made) == len(range(0, ROWS, EVERY))
    for plain in made:
        ours, theirs = (docx.Document(str(path)) for path in (folder / "outputs/letters/items" / plain.name, plain))
        parts = [{part.partname: part.blob for part in one.part.package.iter_parts()} for one in (ours, theirs)]
        assert parts[0] == parts[1], f"{plain.name} differs"
        assert len(ours.paragraphs) >= 2 * TIMES
