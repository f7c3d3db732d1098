"""What control groups say about memory."""

from pathlib import Path

from parbatch.worker.cgroups import killed_for_memory, memory_limit


def member(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "membership"
    file.write_text(text)
    return file


def group(path: Path, **files: str) -> None:
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / name.replace("__", ".")).write_text(text)


def test_the_least_limit_from_the_own_group_up_to_the_root_counts_in_version_1(tmp_path: Path) -> None:
    group(tmp_path / "memory", memory__limit_in_bytes="9223372036854771712\n")
    group(tmp_path / "memory" / "a", memory__limit_in_bytes="1000\n", memory__oom_control="under_oom 0\noom_kill 2\n")
    group(tmp_path / "memory" / "a" / "b", memory__limit_in_bytes="5000\n")
    membership = member(tmp_path, "9:name=systemd:/\n4:memory:/a/b\n0::/\n")
    assert memory_limit(membership, tmp_path) == 1000
    assert killed_for_memory(membership, tmp_path) == 2


def test_the_least_limit_from_the_own_group_up_to_the_root_counts_in_version_2(tmp_path: Path) -> None:
    group(tmp_path)
    group(tmp_path / "a", memory__max="max\n", memory__events="oom 1\noom_kill 1\n")
    group(tmp_path / "a" / "b:c", memory__max="2000\n", memory__events="oom 3\noom_kill 3\n")
    membership = member(tmp_path, "0::/a/b:c\n")
    assert memory_limit(membership, tmp_path) == 2000
    assert killed_for_memory(membership, tmp_path) == 4


def test_the_group_of_a_container_is_the_root_that_it_sees(tmp_path: Path) -> None:
    group(tmp_path, memory__max="3000\n")
    assert memory_limit(member(tmp_path, "0::/system.slice/of-the-host\n"), tmp_path) == 3000


def test_where_there_are_no_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert memory_limit(tmp_path / "nothing", tmp_path) is None
    assert killed_for_memory(tmp_path / "nothing", tmp_path) == 0
