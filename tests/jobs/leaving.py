"""Items that each leave something behind in their process, and after each one that tells what it finds."""

import decimal
import locale
import logging
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from parbatch import Item, Job

job = Job("leaving", chunk_size=100, attempts=1)
never = threading.Event()
kept: list[Any] = []


class LateError(Exception):
    """Raised by what an earlier item has set."""


def late(*_: object) -> None:
    raise LateError


def umask(_: Any) -> None:
    os.umask(0o077)


def environment(_: Any) -> None:
    os.environ["LEFT"] = "1"
    os.environ.pop("PATH")


def time_zone(_: Any) -> None:
    os.environ["TZ"] = "XYZ-9"
    time.tzset()


def temporary_files(ctx: Any) -> None:
    os.environ["TMPDIR"] = str(ctx.scratch)
    tempfile.tempdir = None
    tempfile.gettempdir()


def own_temporary_folder(ctx: Any) -> None:
    tempfile.tempdir = str(ctx.scratch)


def replaced_environment(_: Any) -> None:
    os.environ = {"LEFT": "1"}  # type: ignore[assignment]  # noqa: B003 -- what people do


def timer(_: Any) -> None:
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, 0.02)


def timer_in_time(_: Any) -> None:
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)


def alarm(_: Any) -> None:
    signal.alarm(1)


def virtual_timer(_: Any) -> None:
    signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.02, 0.01)


def profiling_timer(_: Any) -> None:
    signal.setitimer(signal.ITIMER_PROF, 0.02)


def handlers(_: Any) -> None:
    for number in (signal.SIGTERM, signal.SIGUSR2, signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, late)


def mask(_: Any) -> None:
    signal.signal(signal.SIGUSR2, late)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR2)


def language(_: Any) -> None:
    locale.setlocale(locale.LC_ALL, "C")


def warning_filters(_: Any) -> None:
    warnings.simplefilter("error")


def hooks(_: Any) -> None:
    sys.excepthook = threading.excepthook = late
    sys.setrecursionlimit(300)
    socket.setdefaulttimeout(0.001)
    sys.settrace(lambda *_: None)


def precision(_: Any) -> None:
    decimal.getcontext().prec = 3


def limits(_: Any) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))


def thread(_: Any) -> None:
    threading.Thread(target=never.wait, daemon=True, name="the idle one").start()


def file(ctx: Any) -> None:
    kept.append((ctx.dir / "file.txt").open("w"))
    kept[-1].write("not yet flushed")


def descriptor(ctx: Any) -> None:
    kept.append(os.open(ctx.dir / "descriptor.txt", os.O_WRONLY | os.O_CREAT))
    os.write(kept[-1], b"whole")


def scratch(ctx: Any) -> None:
    kept.append((ctx.scratch / "scratch.txt").open("w"))


def handler(ctx: Any) -> None:
    logging.getLogger().addHandler(logging.FileHandler(ctx.dir / "handler.txt"))
    logging.getLogger().error("whole")


WAYS: list[Callable[[Any], None]] = [
    umask,
    environment,
    time_zone,
    temporary_files,
    own_temporary_folder,
    replaced_environment,
    timer,
    timer_in_time,
    alarm,
    virtual_timer,
    profiling_timer,
    handlers,
    mask,
    language,
    warning_filters,
    hooks,
    precision,
    limits,
    thread,
    file,
    descriptor,
    scratch,
    handler,
]


def state() -> dict[str, Any]:
    os.umask(umask := os.umask(0))
    return {
        "umask": umask,
        "environment": {name: value for name, value in os.environ.items() if not name.startswith("PARBATCH")},
        "timers": [signal.getitimer(timer) for timer in (0, 1, 2)],
        "handlers": {str(number): str(signal.getsignal(number)) for number in signal.valid_signals()},
        "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "locale": locale.setlocale(locale.LC_ALL),
        "filters": [str(one) for one in warnings.filters],
        "hooks": [str(sys.excepthook), str(threading.excepthook), str(sys.gettrace()), sys.getrecursionlimit()],
        "time zone": time.tzname,
        "temporary files": tempfile.gettempdir(),
        "time-out": socket.getdefaulttimeout(),
        "precision": decimal.getcontext().prec,
        "limits": [resource.getrlimit(limit) for limit in range(10)],
        "log handlers": len(logging.getLogger().handlers),
    }


@job.items
def items() -> Iterator[Item]:
    yield Item(id="first")
    for way in WAYS:
        yield Item(id=way.__name__)
        yield Item(id=f"{way.__name__}, then")


@job.render
def render(item: Item, ctx: Any) -> object:
    for way in WAYS:
        if way.__name__ == item.id:
            way(ctx)
            return None
    for descriptor in kept:
        if isinstance(descriptor, int):
            os.write(descriptor, b", and what comes too late")
    logging.getLogger().error("said too late")
    deadline = time.monotonic() + 0.03
    while time.monotonic() < deadline:  # in CPU time too
        pass
    return state()
