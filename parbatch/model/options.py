"""Run options as a value: what is given on the command line, in Python or in a TOML file, checked and completed.

Which options there are, and how each is read, is in `model.option_table`. Commands and `engine.api` read options here
once; planning and the engine get the value, and derive others from it by its methods only.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parbatch.errors import DataError
from parbatch.model.job import Job
from parbatch.model.loading import LoadedJob
from parbatch.model.option_table import RETRY_NAMES, RUN_NAMES, TABLE
from parbatch.model.selection import Selection
from parbatch.model.shard import Shard


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Options of a run, each as the type that code works with. Sizes in bytes, durations in seconds; None: no limit.

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
    given: frozenset[str]
    shard: Shard | None
    adopt: bool
    keep_stale: bool

    def for_phase(self, job: Job, out: Path, selection: Selection | None = None) -> "Options":
        """Return the options for another job of the run, in its folder: what was not given is as that job says.

        `selection` takes the place of what was selected.
        """
        own = {name: getattr(job, name) for name, option in TABLE.items() if option.of_the_job}
        its_own = {name: value for name, value in own.items() if name not in self.given}
        return replace(self, **its_own, out=out, selection=self.selection if selection is None else selection)

    def for_one_item(self, item_id: str, shard: Shard | None) -> "Options":
        """Return the options to render one item, done or not, in the shard that has it."""
        return replace(self, selection=Selection(exact=item_id), shard=shard)

    def for_products(self) -> "Options":
        """Return the options to make products of all items, whatever their shards, which takes one worker."""
        return replace(self, workers=1, shard=None)

    def starting_over(self) -> "Options":
        """Return the options with which every item is done again."""
        return replace(self, fresh=True)

    def stopping_at_first_failure(self) -> "Options":
        """Return the options with which the first item that is not ok stops the run."""
        return replace(self, max_failures=1)


def read_options(
    loaded: LoadedJob, given: Mapping[str, Any], *, default_progress: str = "auto", retry: bool = False
) -> Options:
    """Return the options from what was given, else the TOML file's, else the job's, else the defaults.

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
        defaults = {name: value for name, value in defaults.items() if name not in RUN_NAMES - RETRY_NAMES}
    gone_on_with = {"resume": True} if defaults.get("resume") is True else {}
    _complete(loaded, gone_on_with | typed, default_progress, retry=retry)
    try:
        return _complete(loaded, defaults | typed, default_progress, retry=retry)
    except DataError as error:
        raise DataError(f"{loaded.defaults_from}: {error}") from None


def _complete(loaded: LoadedJob, given: Mapping[str, Any], default_progress: str, *, retry: bool) -> Options:
    _check_names(given, RETRY_NAMES if retry else RUN_NAMES)
    job = loaded.job
    if "shard" in given and job.after:
        raise DataError(f"shard: {job!r} comes after other jobs, and phases are not run in shards. Leave out --shard.")
    values = {
        option.field: option.parse(given[name], name)
        if name in given
        else getattr(job, name)
        if option.of_the_job
        else option.default
        for name, option in TABLE.items()
    }
    _check_combinations(given)
    selected = {name: values.pop(name) for name in Selection.names() if name in values}
    return Options(
        **values
        | {
            "selection": Selection(**selected, retry=retry),
            "given": frozenset(given),
            "out": out_folder(loaded, given.get("out")),
            "workers": 1 if values["backend"] == "inline" else values["workers"] or _cpus(),
            "progress": given.get("progress", default_progress),
            "resume": retry or values["resume"],
        }
    )


def _check_names(given: Mapping[str, Any], names: Collection[str]) -> None:
    for name in given:
        if name not in names:
            from difflib import get_close_matches  # noqa: PLC0415 -- for a name that was mistyped

            close = get_close_matches(name, sorted(names), 1)
            raise DataError(f"There is no run option {name!r}." + (f" Did you mean {close[0]!r}?" if close else ""))


def _check_combinations(given: Mapping[str, Any]) -> None:
    for name, option in TABLE.items():
        if given.get(name):
            for other, sentence in option.excludes.items():
                if given.get(other):
                    raise DataError(sentence)
            for other, sentence in option.needs.items():
                if not given.get(other):
                    raise DataError(sentence)


def out_folder(loaded: LoadedJob, given: Any = None) -> Path:
    """Return the output folder: as given, else the TOML file's, else named after the job. Raises DataError."""
    out = given or loaded.defaults.get("out") or Path("outputs", loaded.job.name)
    return Path(TABLE["out"].parse(out, "out"))


def _cpus() -> int:
    from loky import cpu_count  # noqa: PLC0415 -- loky loads slowly, and most runs say how many they want

    return int(cpu_count())
