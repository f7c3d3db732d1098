"""Run options: as given, else the TOML file's, else the job's, else the defaults."""

from pathlib import Path
from typing import Any

import pytest

from parbatch import Job
from parbatch.errors import DataError
from parbatch.model.options import Options, read_options
from tests.support import loaded, make_job


def options(job: Job | None = None, toml: dict[str, Any] | None = None, **given: Any) -> Options:
    return read_options(loaded(job or make_job([]), Path(), **(toml or {})), given)


def test_without_any_option_the_job_and_the_machine_decide() -> None:
    asked = options(Job("letters", chunk_size=7, memory="1GB", timeout=9, attempts=2))
    assert asked.out == Path("outputs/letters")
    assert (asked.chunk_size, asked.memory, asked.timeout, asked.attempts) == (7, 1024**3, 9.0, 2)
    assert asked.workers >= 1
    assert (asked.backend, asked.progress) == ("loky", "auto")
    assert not (asked.resume)
    assert not (asked.fresh)
    assert not (asked.rerun_code)
    assert not (asked.json)


def test_what_was_given_goes_before_the_toml_file_and_that_before_the_job() -> None:
    job = Job("letters", timeout=1, attempts=2, chunk_size=3)
    asked = options(job, {"timeout": "2m", "attempts": 5}, timeout="3m", attempts=None)
    assert (asked.timeout, asked.attempts, asked.chunk_size) == (180.0, 5, 3)


def test_what_goes_with_resume_in_the_toml_file_waits_for_it_and_what_is_typed_finds_it_there() -> None:
    assert not options(None, {"retry_failed": True}).selection.retry_failed
    assert options(None, {"retry_failed": True}, resume=True).selection.retry_failed
    assert options(None, {"resume": True}, retry_failed=True).selection.retry_failed
    assert options(None, {"resume": True}, rerun="code").rerun_code
    with pytest.raises(DataError, match="--retry-failed goes with --resume"):
        options(None, {"resume": True}, retry_failed=True, fresh=True)


def test_one_pattern_may_be_given_without_a_list() -> None:
    assert options(only="a*").selection.only == ("a*",)
    assert options(only=["a*", "b"]).selection.only == ("a*", "b")


@pytest.mark.parametrize("name", ["resume", "fresh", "json", "accelerate", "retry_failed", "sample_groups"])
def test_a_switch_is_true_or_false_and_no_text(name: str) -> None:
    given: dict[str, Any] = {name: "no"}
    with pytest.raises(DataError, match=f"{name}: 'no' is neither true nor false"):
        options(**given)


@pytest.mark.parametrize("given", [3, [3], True])
def test_a_pattern_that_is_no_text_is_named(given: object) -> None:
    with pytest.raises(DataError, match=r"only: .* is not text. Give shell patterns."):
        options(only=given)


def test_chunks_can_be_sized_automatically_whatever_the_job_says() -> None:
    assert options(Job("letters", chunk_size=3), chunk_size="auto").chunk_size is None


def test_the_inline_backend_has_one_worker() -> None:
    assert options(backend="inline", workers=8).workers == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"resume": True, "fresh": True}, "--resume and --fresh contradict each other"),
        ({"rerun": "code", "fresh": True}, "--rerun goes with --resume"),
        ({"retry_failed": True}, "--retry-failed goes with --resume: give both"),
        ({"retry_failed": True, "fresh": True}, "--retry-failed goes with --resume"),
        ({"rerun": "all"}, "rerun: 'all' is not known; --rerun code"),
        ({"workers": 0}, "workers: 0 is not a whole number from 1"),
        ({"workers": "8"}, "workers: '8'"),
        ({"limit": 0}, "limit: 0"),
        ({"attempts": -1}, "attempts: -1"),
        ({"max_failures": 0}, "max failures: 0"),
        ({"max_same_failure": 0}, "max same failure: 0"),
        ({"memory": "lots"}, "memory: 'lots' is not a size"),
        ({"timeout": "soon"}, "timeout: 'soon' is not a duration"),
        ({"time_budget": "a night"}, "time budget: 'a night' is not a duration"),
        ({"chunk_size": "some"}, "chunk size: 'some' is neither a number of items from 1 nor auto"),
        ({"backend": "threads"}, "backend: 'threads' is not one of loky, inline"),
        ({"progress": "dots"}, "progress: 'dots' is not one of auto, bar, lines, none"),
        ({"worker": 8}, "There is no run option 'worker'. Did you mean 'workers'?"),
        ({"zzz": 8}, "There is no run option 'zzz'."),
        ({"chunk-size": 8}, "There is no run option 'chunk-size'. Did you mean 'chunk_size'?"),
        ({"only": [1]}, "only: 1"),
        ({"out": 5}, "out: 5"),
    ],
)
def test_what_cannot_be_used_is_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as caught:
        options(**given)
    assert words in str(caught.value)


def test_an_unknown_name_in_a_toml_file_is_no_less_wrong() -> None:
    with pytest.raises(DataError, match="There is no run option 'wrokers'"):
        options(toml={"wrokers": 8})


# --- options that are made from others


def test_another_phase_has_its_own_jobs_options_but_for_those_that_were_given() -> None:
    given = options(Job("letters", memory="1GB", timeout=9), timeout="3m", only="a*")
    phase = given.for_phase(Job("people", memory="2GB", timeout=1, attempts=4), Path("out/people"))
    assert (phase.memory, phase.timeout, phase.attempts, phase.out) == (2 * 1024**3, 180.0, 4, Path("out/people"))
    assert phase.selection == given.selection


def test_what_selects_items_is_for_the_last_phase() -> None:
    selection = options(only="a*", resume=True, retry_failed=True).selection
    earlier = selection.for_phase(is_last=False, has_begun=True)
    assert (earlier.only, earlier.retry_failed, earlier.takes_unfinished_groups) == ((), True, True)
    assert selection.for_phase(is_last=True, has_begun=True).only == ("a*",)


def test_in_a_phase_that_has_not_begun_there_is_nothing_to_try_again() -> None:
    selection = read_options(loaded(make_job([]), Path()), {}, retry=True).selection
    assert selection.for_phase(is_last=True, has_begun=True).retry
    assert not selection.for_phase(is_last=True, has_begun=False).retry


def test_one_item_is_selected_whatever_was_selected_and_products_are_made_of_all() -> None:
    given = options(only="a*", workers=8, shard="2/5")
    alone = given.for_one_item("bob", None)
    assert (alone.selection.exact, alone.selection.only, alone.shard) == ("bob", (), None)
    assert (given.for_products().workers, given.for_products().shard) == (1, None)
    assert given.starting_over().fresh
    assert given.stopping_at_first_failure().max_failures == 1
