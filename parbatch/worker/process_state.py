"""The state of a process that an item may change, and how it is put back: the next item finds what the first one found.

What changes often is compared after every item, at the price of a microsecond. The rest costs a system call for each,
so it is looked at only after items that took so long that this is nothing, or that called what changes it. Called by
`housekeeping`; it must not know which item it was.
"""

import contextlib
import functools
import locale
import os
import resource
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

_CHANGE = {
    locale: ("setlocale",),
    os: ("putenv", "umask", "unsetenv"),  # os.environ calls the first and the last
    resource: ("setrlimit", "prlimit"),
    signal: ("alarm", "pthread_sigmask", "setitimer", "siginterrupt", "signal"),
}
_set_timer, _set_umask = signal.setitimer, os.umask  # before their calls are noted
# That of the interpreter, below Python's own, which makes of each answer a member of an enumeration: of sixty signals
# that takes as long as all else that is looked at.
_get_handler: Callable[[int], Any] = getattr(sys.modules.get("_signal"), "getsignal", signal.getsignal)
# An item that takes so long has a part in a hundred to spare.
_LONG_S = 0.001
_TIMERS = {name: getattr(signal, name) for name in ("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF")}
_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
# Not that of memory, which a worker sets for itself.
_LIMITS = {
    name: getattr(resource, name)
    for name in ("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_STACK")
}
# Threads by their identity: to ask for their number takes a lock.
_active: dict[int, threading.Thread] = getattr(threading, "_active", {})


class Calls:
    """Tells whether any of the functions that change what is looked at seldom was called since the last look."""

    watched: ClassVar[bool] = False
    made: ClassVar[bool] = False

    @classmethod
    def watch(cls) -> None:
        """Note calls from now on. For processes of parbatch's own, before the job's code is imported."""
        for module, names in _CHANGE.items():
            for name in names:
                setattr(module, name, _noting(getattr(module, name)))
        cls.watched = True


def _noting(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def noted(*args: Any, **more: Any) -> Any:
        Calls.made = True
        return function(*args, **more)

    return noted


class ProcessState:
    """The state of this process when it is made, in the main thread; `put_back` restores it."""

    def __init__(self) -> None:
        self._looked = time.monotonic()
        self._umask = _umask()
        self._environ = os.environ
        self._variables = dict(_variables())
        self._filters = list(warnings.filters)
        self._hooks = _hooks()
        self._threads = len(_active)
        self._known = set(threading.enumerate())
        self._decimal: Any = _decimal_context()
        self._precision = _precision()
        self._timers = {name: timer for name, timer in _TIMERS.items() if not signal.getitimer(timer)[0]}
        self._handlers = {number: _get_handler(number) for number in _SIGNALS}
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self._locale = locale.setlocale(locale.LC_ALL)
        self._limits = {name: resource.getrlimit(limit) for name, limit in _LIMITS.items()}
        self._temporary = _temporary_folder()
        self._often = (*self._hooks, self._temporary, self._precision)
        Calls.made = False

    def is_as_found(self) -> bool:
        """Tell whether there is nothing to put back, nor to note: the usual case, asked after every item."""
        now = time.monotonic()
        before, self._looked = self._looked, now
        return (
            Calls.watched
            and not Calls.made
            and now - before < _LONG_S
            and os.environ is self._environ
            and len(_active) == self._threads
            and _often() == self._often
            and warnings.filters == self._filters
        )

    def disarm(self) -> list[str]:
        """Stop the timers that an item has set, while what they raise is still the item's own."""
        return [name for name, timer in self._timers.items() if _set_timer(timer, 0)[0]]

    def put_back(self) -> list[str]:
        """Put back what was changed. Returns what that was, a few words each."""
        changed = self._put_back_seldom()
        if _temporary_folder() != self._temporary:
            changed += self._put_back_temporary_folder()
        if warnings.filters != self._filters:
            warnings.filters[:] = self._filters  # type: ignore[index]
            getattr(warnings, "_filters_mutated", int)()
            changed.append("the filters of warnings")
        if _hooks() != self._hooks:
            changed += self._put_back_hooks()
        if "decimal" in sys.modules and _precision() != self._precision:
            changed += self._put_back_decimal()
        self._often = (*self._hooks, self._temporary, self._precision)
        return changed

    def new_threads(self) -> list[str]:
        """Return the new threads since the last look that still run. They can't be ended from outside."""
        if len(_active) == self._threads:
            return []
        threads = threading.enumerate()
        new = [thread.name for thread in threads if thread not in self._known]
        self._known, self._threads = set(threads), len(_active)
        return new

    # --- inside

    def _put_back_seldom(self) -> list[str]:
        changed = [f"the timer {name}" for name in self.disarm()]
        if _set_umask(self._umask) != self._umask:
            changed.append("the umask")
        if os.environ is not self._environ or _variables() != self._variables:
            changed.append(f"the environment ({', '.join(self._put_back_environment()) or 'os.environ itself'})")
        for number, handler in self._handlers.items():
            found = _get_handler(number)
            if found is not handler and found != handler and handler is not None:
                signal.signal(number, handler)
                changed.append(f"the handler of {getattr(number, 'name', f'signal {number}')}")
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        if mask != self._mask:
            for number in signal.sigpending() - self._mask:  # else they would come now
                handler = signal.signal(number, signal.SIG_IGN)
                signal.signal(number, handler)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            changed.append("the blocked signals")
        if locale.setlocale(locale.LC_ALL) != self._locale:
            locale.setlocale(locale.LC_ALL, self._locale)
            changed.append("the locale")
        for name, (soft, hard) in self._limits.items():
            found = resource.getrlimit(_LIMITS[name])
            if found != (soft, hard):
                # A hard limit that was lowered comes back only for the superuser.
                with contextlib.suppress(ValueError, OSError):
                    resource.setrlimit(_LIMITS[name], (soft if found[1] < 0 else min(soft, found[1]), found[1]))
                    resource.setrlimit(_LIMITS[name], (soft, hard))
                changed.append(f"the limit {name}")
        Calls.made = False
        return changed

    def _put_back_environment(self) -> list[str]:
        os.environ = self._environ  # noqa: B003 -- the variables follow
        now = dict(_variables())
        names = [name for name in self._variables | now if self._variables.get(name) != now.get(name)]
        for name in names:
            if name in self._variables:
                os.environ[os.fsdecode(name)] = os.fsdecode(self._variables[name])
            else:
                del os.environ[os.fsdecode(name)]
        changed = [os.fsdecode(name) for name in names]
        if "TZ" in changed and hasattr(time, "tzset"):
            time.tzset()  # the C library has it from the environment only when it is told
        return changed

    def _put_back_temporary_folder(self) -> list[str]:
        """Put back where `tempfile` makes files, which it asks the environment for once, when it is first needed."""
        tempfile = sys.modules["tempfile"]
        found, tempfile.tempdir = tempfile.tempdir, self._temporary  # type: ignore[attr-defined]
        if self._temporary is None:
            with contextlib.suppress(FileNotFoundError):  # there is none, as the next item is told when it needs one
                self._temporary = tempfile.gettempdir()
        return ["the folder for temporary files"] if found != self._temporary else []

    def _put_back_hooks(self) -> list[str]:
        changed = []
        for (name, put, before), now in zip(_put(self._hooks), _hooks(), strict=True):
            if before != now:
                put(before)
                changed.append(name)
        return changed

    def _put_back_decimal(self) -> list[str]:
        import decimal  # noqa: PLC0415 -- it is loaded already

        if self._decimal is None:
            self._decimal = decimal.DefaultContext.copy()
            self._precision = self._decimal.prec, self._decimal.rounding
            return self._put_back_decimal() if _precision() != self._precision else []
        decimal.setcontext(self._decimal.copy())
        return ["the precision of decimals"]


def _umask() -> int:
    umask = _set_umask(0o077)
    _set_umask(umask)
    return umask


def _variables() -> dict[Any, Any]:
    """Return the environment as it is kept inside os.environ, which spares decoding all of it."""
    return getattr(os.environ, "_data", None) or dict(os.environ)


def _often() -> tuple[Any, ...]:
    """Return what changes without a call that could be noted: hooks, the folder for temporary files, precision."""
    loaded = sys.modules
    socket = loaded.get("socket")
    context = loaded["decimal"].getcontext() if "decimal" in loaded else None
    return (
        sys.excepthook,
        threading.excepthook,
        sys.unraisablehook,
        sys.gettrace(),
        sys.getprofile(),
        sys.getrecursionlimit(),
        socket.getdefaulttimeout() if socket is not None else None,
        getattr(loaded.get("tempfile"), "tempdir", None),
        None if context is None else (context.prec, context.rounding),
    )


def _hooks() -> tuple[Any, ...]:
    return _often()[:-2]


def _put(values: tuple[Any, ...]) -> list[tuple[str, Callable[[Any], object], Any]]:
    """Return what puts the values of `_hooks` in place, by name."""
    socket = sys.modules.get("socket")
    places: tuple[tuple[str, Callable[[Any], object]], ...] = (
        ("sys.excepthook", functools.partial(setattr, sys, "excepthook")),
        ("threading.excepthook", functools.partial(setattr, threading, "excepthook")),
        ("sys.unraisablehook", functools.partial(setattr, sys, "unraisablehook")),
        ("the trace function", sys.settrace),
        ("the profile function", sys.setprofile),
        ("the recursion limit", sys.setrecursionlimit),
        ("the time-out of sockets", socket.setdefaulttimeout if socket is not None else id),
    )
    return [(name, put, value) for (name, put), value in zip(places, values, strict=True)]


def _temporary_folder() -> Any:
    return _often()[-2]


def _decimal_context() -> Any:
    return sys.modules["decimal"].getcontext().copy() if "decimal" in sys.modules else None


def _precision() -> Any:
    return _often()[-1]
