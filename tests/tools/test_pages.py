"""The pages for those who work on parbatch speak of modules, files and commands that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PACKAGE = ROOT / "parbatch"
ROOMS = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name[0] not in "._"}
FOLDERS = {"parbatch", "tests", "tools", "docs", "benchmarks", "examples"}


def quoted(page: Path) -> list[str]:
    """What a page writes as code that looks like a path, with at least one slash."""
    return re.findall(r"`([\w.]+/[\w./]*)`", page.read_text(encoding="utf-8"))


@pytest.fixture(params=PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def page(request: pytest.FixtureRequest) -> Path:
    """Each page in turn."""
    path: Path = request.param
    return path


def test_pages_name_modules_as_they_are(page: Path) -> None:
    modules = [word for word in quoted(page) if word.split("/")[0] in ROOMS]
    assert [one for one in modules if not ((PACKAGE / one).exists() or (PACKAGE / f"{one}.py").exists())] == []


def test_pages_name_files_and_links_as_they_are(page: Path) -> None:
    files = [word for word in quoted(page) if word.split("/")[0] in FOLDERS]
    assert [one for one in files if not (ROOT / one).exists()] == []
    links = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_pages_name_targets_of_make_as_they_are(page: Path) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z]+)`", page.read_text(encoding="utf-8"))) <= set(targets)


def test_names_in_brackets_behind_a_module_are_in_it(page: Path) -> None:
    found = re.findall(r"`([a-z_]+(?:/[a-z_]+)+)` \((`\w+`(?:, `\w+`)*)\)", page.read_text(encoding="utf-8"))
    for module, names in found:
        text = (PACKAGE / f"{module}.py").read_text(encoding="utf-8")
        assert [name for name in re.findall(r"\w+", names) if not re.search(rf"\b{name}\b", text)] == []


def test_the_architecture_has_a_line_for_each_room() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)/` \|", text, re.MULTILINE)) == ROOMS
