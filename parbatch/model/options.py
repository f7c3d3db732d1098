"""Run options: as given on the command line, in Python or in a TOML file, checked and completed in one place."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from parbatch.errors import DataError
from parbatch.model.job import Job
from parbatch.model.loading import LoadedJob
from parbatch.model.outcome import STATUSES
from parbatch.model.selection import Selection
from parbatch.model.shard import Shard, parse_shard
from parbatch.model.units import parse_duration, parse_size
from parbatch.model.values import chunk_size_of, positive


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was asked for. Sizes in bytes, durations in seconds; None where there is no such limit.

    `given` names the options that a person or a file gave, and the job did not.
    """

    out: Path
    workers: int
    chunk_size: int | None
    memory: int | None
    timeout: float | None
    attempts: int
    selection: Selection
    max_failures: int | None
    max_same_failure: int | None
    time_budget: float | None
    backend: str
    progress: str
    resume: bool
    fresh: bool
    rerun_code: bool
    json: bool
    accelerate: bool
    given: frozenset[str] = frozenset()
    shard: Shard | None = None
    adopt: bool = False
    keep_stale: bool = False


NOT_OK = tuple(status for status in STATUSES if status != "ok")
NAMES = (
    "workers",
    "out",
    "resume",
    "fresh",
    "chunk_size",
    "memory",
    "timeout",
    "attempts",
    "only",
    "exclude",
    "group",
    "limit",
    "sample_groups",
    "max_failures",
    "max_same_failure",
    "time_budget",
    "backend",
    "progress",
    "json",
    "rerun",
    "retry_failed",
    "accelerate",
    "shard",
    "adopt",
    "keep_stale",
)
_RETRY_ONLY = ("status", "fingerprint", "include_unfinished_groups")
_OF_THE_JOB = ("chunk_size", "memory", "timeout", "attempts")
_RUN_ONLY = ("resume", "fresh", "rerun", "retry_failed")


def _complete(loaded: LoadedJob, asked: Mapping[str, Any], default_progress: str, *, retry: bool) -> Options:
    _check_names(asked, (*(name for name in NAMES if name not in _RUN_ONLY), *_RETRY_ONLY) if retry else NAMES)
    job = loaded.job
    if "shard" in asked and job.after:
        raise DataError(f"shard: {job!r} comes after other jobs, and phases are not run in shards. Leave out --shard.")
    if asked.get("resume") and asked.get("fresh"):
        raise DataError("--resume and --fresh contradict each other: go on from the checkpoint, or start over.")
    rerun = asked.get("rerun")
    if rerun not in {None, "code"}:
        raise DataError(f"rerun: {rerun!r} is not known; --rerun code does items of older code again.")
    if rerun and not asked.get("resume"):
        raise DataError("--rerun goes with --resume; --fresh does every item again anyway.")
    if asked.get("retry_failed") is True and not asked.get("resume") and not retry:
        raise DataError(
            "--retry-failed goes with --resume: give both to try what is known to fail as well."
            " Without them a run does every item anyway."
        )
    backend = asked.get("backend", "loky")
    if backend not in BACKENDS:
        raise DataError(f"backend: {backend!r} is not one of {', '.join(BACKENDS)}.")
    progress = asked.get("progress", default_progress)
    check_mode(progress)
    return Options(
        out=out_folder(loaded, asked.get("out")),
        workers=_workers(asked, backend),
        chunk_size=chunk_size_of(asked["chunk_size"]) if "chunk_size" in asked else job.chunk_size,
        memory=parse_size(asked["memory"]) if "memory" in asked else job.memory,
        timeout=parse_duration(asked["timeout"]) if "timeout" in asked else job.timeout,
        attempts=_positive_or_none(asked, "attempts") or job.attempts,
        selection=_selection(asked, retry=retry),
        max_failures=_positive_or_none(asked, "max_failures"),
        max_same_failure=_positive_or_none(asked, "max_same_failure"),
        time_budget=parse_duration(asked["time_budget"], "time budget") if "time_budget" in asked else None,
        backend=backend,
        progress=progress,
        resume=retry or _flag(asked, "resume"),
        fresh=_flag(asked, "fresh"),
        rerun_code=rerun == "code",
        json=_flag(asked, "json"),
        accelerate=_flag(asked, "accelerate", default=True),
        given=frozenset(asked),
        shard=parse_shard(asked["shard"]) if "shard" in asked else None,
        adopt=_flag(asked, "adopt"),
        keep_stale=_flag(asked, "keep_stale"),
    )


def read(
    loaded: LoadedJob, given: Mapping[str, Any], *, default_progress: str = "auto", retry: bool = False
) -> Options:
    """Options from what was given, else the TOML file's, else the job's, else the defaults.

    A retry goes on from the checkpoint, and takes some more options for what to try again.
    Raises DataError for a name or value that can't be used, and for options that contradict each other; where it is
    the TOML file's, it is named.
    """
    typed = {name: value for name, value in given.items() if value is not None}
    defaults = dict(loaded.defaults)
    if typed.keys() & {"resume", "fresh"}:  # what is typed wins over the file, also where they exclude each other
        defaults = {name: value for name, value in defaults.items() if name not in {"resume", "fresh"}}
    if not (defaults | typed).get("resume"):  # the file's is for whenever a run is gone on with
        defaults.pop("retry_failed", None)
    if retry:
        defaults = {name: value for name, value in defaults.items() if name not in _RUN_ONLY}
    gone_on_with = {"resume": True} if defaults.get("resume") is True else {}
    _complete(loaded, gone_on_with | typed, default_progress, retry=retry)
    try:
        return _complete(loaded, defaults | typed, default_progress, retry=retry)
    except DataError as error:
        raise DataError(f"{loaded.defaults_from}: {error}") from None


def for_job(asked: Options, job: Job, **changed: Any) -> Options:
    """The same options for another job of the run: what was not given is as that job says."""
    own = {name: getattr(job, name) for name in _OF_THE_JOB if name not in asked.given}
    return msgspec.structs.replace(asked, **own, **changed)


def _check_names(asked: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in asked:
        if name not in names:
            from difflib import get_close_matches  # noqa: PLC0415 -- for a name that was mistyped

            close = get_close_matches(name, names, 1)
            raise DataError(f"There is no run option {name!r}." + (f" Did you mean {close[0]!r}?" if close else ""))


def _positive_or_none(asked: Mapping[str, Any], name: str) -> int | None:
    return positive(asked[name], name.replace("_", " ")) if name in asked else None


def _flag(asked: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    given = asked.get(name, default)
    if not isinstance(given, bool):
        raise DataError(f"{name}: {given!r} is neither true nor false.")
    return given


def _workers(asked: Mapping[str, Any], backend: str) -> int:
    wanted = _positive_or_none(asked, "workers")
    return 1 if backend == "inline" else wanted or _cpus()


def _selection(asked: Mapping[str, Any], *, retry: bool) -> Selection:
    return Selection(
        only=_texts(asked, "only"),
        limit=_positive_or_none(asked, "limit"),
        retry_failed=_flag(asked, "retry_failed"),
        exclude=_texts(asked, "exclude"),
        groups=_texts(asked, "group"),
        statuses=_statuses(asked),
        fingerprints=_fingerprints(asked),
        retry=retry,
        sample_groups=_flag(asked, "sample_groups"),
        unfinished_groups=_flag(asked, "include_unfinished_groups"),
    )


def _texts(asked: Mapping[str, Any], name: str, advice: str = "shell patterns") -> tuple[str, ...]:
    given = asked.get(name, ())
    texts = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
    for text in texts:
        if not isinstance(text, str):
            raise DataError(f"{name}: {text!r} is not text. Give {advice}.")
    return texts


def _statuses(asked: Mapping[str, Any]) -> tuple[str, ...]:
    for status in (statuses := _texts(asked, "status", "statuses")):
        if status not in NOT_OK:
            raise DataError(f"status: {status!r} is not one of {', '.join(NOT_OK)}.")
    return statuses


def _fingerprints(asked: Mapping[str, Any]) -> tuple[str, ...]:
    fingerprints = _texts(asked, "fingerprint", "fingerprints as they are in the report")
    for fingerprint in fingerprints:
        if not re.fullmatch("[0-9a-fA-F]{1,8}", fingerprint):
            raise DataError(f"fingerprint: {fingerprint!r} is not the beginning of one; the report has them.")
    return tuple(fingerprint.lower() for fingerprint in fingerprints)


def out_folder(loaded: LoadedJob, given: Any = None) -> Path:
    """The output folder: as given, else the TOML file's, else named after the job. Raises DataError."""
    out = given or loaded.defaults.get("out") or Path("outputs", loaded.job.name)
    if not isinstance(out, (str, os.PathLike)):
        raise DataError(f"out: {out!r} is not the path of a folder.")
    return Path(out)


def _cpus() -> int:
    from loky import cpu_count  # noqa: PLC0415 -- loky loads slowly, and most runs say how many they want

    return int(cpu_count())


BACKENDS = {
    "loky": "parbatch.dispatch.backends.loky",
    "inline": "parbatch.dispatch.backends.inline",
}


MODES = ("auto", "bar", "lines", "none")


def check_mode(mode: str) -> None:
    """Raises DataError for a mode that there is not."""
    if mode not in MODES:
        raise DataError(f"progress: {mode!r} is not one of {', '.join(MODES)}.")
