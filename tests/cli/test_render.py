"""`parbatch render`: one item, and the others stay as they are."""

from pathlib import Path

from tests.support import typed, write_job


def test_one_item_is_rendered_by_id_or_name_and_the_others_stay_as_they_are(here: Path) -> None:
    write_job(here / "job.py")
    result = typed("render", "ADA", "job.py", "--backend", "inline")
    assert result.exit_code == 0
    assert [path.name for path in (here / "outputs/letters/items").iterdir()] == ["ada.txt"]
    result = typed("render", "adda", "job.py", "--backend", "inline")
    assert result.exit_code == 2
    assert "No item is called 'adda'. Close to it: ada" in result.stderr
