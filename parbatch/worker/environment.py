"""The environment that outputs are made in: at the top of every log, and compared between parent and workers.

A failure that can't be repeated elsewhere is explained by a version, a folder or a variable more often than by code.
Called by `process` and by the engine; it must not know where a log lies.
"""

import os
import platform
import re
import socket
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType

from parbatch.model.job import Job
from parbatch.model.loading import LoadedJob
from parbatch.storage.tree import digest_file

# These are what the outputs are made with, whatever the job imports besides.
_ALWAYS = ("parbatch", "python-docx", "lxml")

_TELLING = r"pass(?:word|wd|phrase)?|pwd|secret|token|private|credential|auth|cookie|session|signature|bearer|api_?key"
_SECRET_NAME = rf"{_TELLING}|(?:^|_)(?:key|sig)(?:_|$)"
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s&;,}]+)"""
# Each with what takes its place. Too much hidden does no harm; so a password may hold an @ or a slash.
_SECRETS = (
    (r"-----BEGIN [^-]*-----.*?(?:-----END [^-]*-----|\Z)", r"***"),
    (r"(?<=://)([^/@:\s]*):[^\s'\"<>]*(?=@)", r"\1:***"),
    (r"(?<=://)[^/@:\s]+(?=@)", r"***"),  # a token in the user's place
    (r"(?<![\w.:/-])([\w.-]+):[^\s@:*]+(?=@[\w.-])", r"\1:***"),
    (r"\b(bearer|basic|digest|token|negotiate)\s+[^\s,;'\"]+", r"\1 ***"),
    (rf"(?<![\w.-])([\w.-]*(?:{_TELLING}|key|sig)[\w.-]*[\"']?\s*[=:]\s*){_VALUE}", r"\1***"),
    (rf"(?<![\w-])(--?[\w-]*(?:{_TELLING})[\w-]*\s+){_VALUE}", r"\1***"),
    (
        r"\b(?:gh[opsur]_|github_pat_|glpat-|sk-|xox[abp]-|AKIA|eyJ)[\w.-]{8,}",
        r"***",
    ),  # as well-known services make them
    (r"(?-i:\b(?=\S*[a-z])(?=\S*[A-Z])(?=\S*\d)[A-Za-z0-9+_=-]{32,})", r"***"),
)
MASK = "***"


def identity(loaded: LoadedJob) -> dict[str, str]:
    """Return what has to be the same in the parent and in its workers, as short texts by name.

    Python and package versions, the job's file with its digest, the current folder, and the environment variables
    that the job names, with secrets masked.
    """
    job, file = loaded.job, loaded.file
    packages = [*_ALWAYS, *(_imported_by(job) if loaded.ref.kind != "pickle" else ())]
    same = {"python": platform.python_version(), "working folder": os.getcwd()}
    same |= _versions(packages)
    if file is not None and file.is_file():
        same["job file"] = f"{file} ({digest_file(file)[:12]})"
    for variable in job.identity:
        same[f"${variable}"] = masked(variable, os.environ[variable]) if variable in os.environ else "(not set)"
    return same


def masked(name: str, value: str) -> str:
    """Return a variable's value without what looks like a secret: by its name, in a URL, a header, a parameter."""
    if re.search(_SECRET_NAME, name, re.IGNORECASE):
        return MASK
    for secret, stand_in in _SECRETS:  # compiled here, as most jobs name no variables, and every worker pays
        value = re.sub(secret, stand_in, value, flags=re.IGNORECASE | re.DOTALL)
    return value


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """Return what is not the same, a sentence each; `here` is this process, `there` its parent."""
    return [
        f"{name} is {here.get(name, 'not there')} in the worker and {there.get(name, 'not there')} in the parent"
        for name in sorted(here.keys() | there.keys())
        if here.get(name) != there.get(name)
    ]


def heading(same: Mapping[str, str], run_id: str, out: str) -> str:
    """Return the lines that a log begins with, up to the one that tells of the attempt."""
    run = {"run": run_id, "host": socket.gethostname(), "pid": str(os.getpid()), "output folder": out}
    # A line each: a value of several lines must not look like what the item printed.
    whole = {name: r"\n".join(value.splitlines()) for name, value in (run | dict(same)).items()}
    return "".join(f"# {name}: {value}\n" for name, value in whole.items())


def _imported_by(job: Job) -> Iterable[str]:
    """Return the third-party packages whose modules or names stand in the job's own module."""
    module = sys.modules.get(getattr(job.rendering, "__module__", ""))
    found = set()
    for value in vars(module).values() if module else ():
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(name, str):
            found.add(name.partition(".")[0])
    return sorted(found - sys.stdlib_module_names - {"parbatch", "docx"})


def _versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those that are installed, as the names of their folders of metadata say them.

    Only where that is not so plain is importlib.metadata asked, whose import alone takes a twentieth of the time in
    which a worker starts.
    """
    installed, has_archives = _installed()
    found = {package: installed.get(_alike(package), "?" if has_archives else "") for package in packages}
    return {package: known for package, version in found.items() if (known := _known_version(package, version))}


def _installed() -> tuple[dict[str, str], bool]:
    """Return versions by package, ? where the name of the folder does not say it, and if there are archives as well.

    Such are places to import from that are no folders.
    """
    versions: dict[str, str] = {}
    has_archives = False
    for place in sys.path:
        try:
            names = os.listdir(place or ".")  # noqa: PTH208 -- names alone
        except NotADirectoryError:
            has_archives = True
        except OSError:
            continue
        else:
            for stem, dot, kind in (name.rpartition(".") for name in names if name.endswith("-info")):
                package, _, version = stem.partition("-")
                versions.setdefault(_alike(package), version if dot and version and kind == "dist-info" else "?")
    return versions, has_archives


def _alike(package: str) -> str:
    return re.sub(r"[-_.]+", "_", package).lower()


def _known_version(package: str, version: str) -> str:
    """Return the version, or what importlib.metadata says where that is a question."""
    if version != "?":
        return version
    from importlib import metadata  # noqa: PLC0415 -- see `_versions`

    try:
        return metadata.version(package) or ""
    except (metadata.PackageNotFoundError, ValueError):
        return ""
