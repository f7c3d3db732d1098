"""The identity of an environment: what it holds, what it hides, and what it finds different."""

from pathlib import Path

import pytest

from parbatch import Job
from parbatch.model.loading import JobRef, LoadedJob
from parbatch.worker.environment import MASK, differences, heading, identity, masked


def loaded(tmp_path: Path, *variables: str) -> LoadedJob:
    file = tmp_path / "job.py"
    file.write_text("# a job\n")
    return LoadedJob(Job("identified", identity=variables), JobRef("pickle"), file, "")


def test_it_holds_versions_the_job_file_with_its_digest_and_the_named_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGE", "night")
    monkeypatch.delenv("REGION", raising=False)
    found = identity(loaded(tmp_path, "STAGE", "REGION"))
    assert found["$STAGE"] == "night"
    assert found["$REGION"] == "(not set)"
    assert found["job file"].startswith(f"{tmp_path / 'job.py'} (")
    assert {"python", "parbatch", "python-docx", "lxml", "working folder"} <= found.keys()


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("DATABASE_URL", "postgres://ada:s3cret@db.example/letters", f"postgres://ada:{MASK}@db.example/letters"),
        ("DB_PASSWORD", "s3cret", MASK),
        ("API_TOKEN", "s3cret", MASK),
        ("CALLBACK", "https://h.example/?token=s3cret&page=2", f"https://h.example/?token={MASK}&page=2"),
        ("DATABASE_URL", "postgres://ada:s3/cr@et:#x?@db.example/letters", f"postgres://ada:{MASK}@db.example/letters"),
        ("DATABASE_URL", "postgres://db.example/letters", "postgres://db.example/letters"),
        ("SOURCE", "https://s3cret@git.example/x", f"https://{MASK}@git.example/x"),
        ("SOURCE", "ada:s3cret@db.example", f"ada:{MASK}@db.example"),
        ("HEADERS", "X-Id: 1, Authorization: Bearer s3.cr.et, X-Api-Key: s3cret", "X-Id: 1, Authorization: "),
        ("DSN", "host=db password='s3 cret' dbname=x", f"host=db password={MASK} dbname=x"),
        ("DSN", "Server=db;Uid=ada;Pwd=s3cret;", f"Server=db;Uid=ada;Pwd={MASK};"),
        ("CONFIG", '{"password": "s3\\"cret", "user": "ada"}', f'{{"password": {MASK}, "user": "ada"}}'),
        ("OPTIONS", "--password s3cret --user ada", f"--password {MASK} --user ada"),
        ("PEM", "-----BEGIN PRIVATE KEY-----\ns3cret\ns3cret\n-----END PRIVATE KEY-----", MASK),
        ("ENCRYPTION_KEY", "s3cret", MASK),
        ("VALUE", "ghp_s3cretS3cretS3cret", MASK),
        ("KEYBOARD", "de", "de"),
        ("CONFIG", "/etc/app/keys.toml", "/etc/app/keys.toml"),
        ("STAGE", "night", "night"),
    ],
)
def test_secrets_are_masked_wherever_they_stand(name: str, value: str, shown: str) -> None:
    assert masked(name, value).startswith(shown)
    assert "cret" not in masked(name, value)
    assert "cr.et" not in masked(name, value)


def test_what_differs_is_said_in_a_sentence_each() -> None:
    assert differences({"python": "3.12.1", "same": "x"}, {"python": "3.11.7", "same": "x", "$STAGE": "night"}) == [
        "$STAGE is not there in the worker and night in the parent",
        "python is 3.12.1 in the worker and 3.11.7 in the parent",
    ]


def test_a_log_begins_with_the_run_the_host_and_all_of_it() -> None:
    lines = heading({"python": "3.11.7"}, "run-1", "/out").splitlines()
    assert lines[0] == "# run: run-1"
    assert lines[-1] == "# python: 3.11.7"
    assert all(line.startswith("# ") for line in lines)


def test_a_value_of_several_lines_stays_in_its_line() -> None:
    assert heading({"$TEXT": "a\nTraceback: b"}, "run-1", "/out").endswith("# $TEXT: a\\nTraceback: b\n")
