"""One way to fail an item, each of which a person has to understand from what the run leaves behind.

The environment says where the full disk is (FULL_DISK) and where nothing may be written (READ_ONLY).
"""

import asyncio
import ctypes
import errno
import os
import signal
import subprocess
import sys
import time
import warnings

from parbatch import Item, Job

job = Job("ways", chunk_size=7, memory="256MB", timeout=3, identity=["FULL_DISK"])


class Unpicklable(Exception):
    def __init__(self, left, right):
        super().__init__("it can't be pickled")
        self.lock = open(os.devnull)
        self.left, self.right = left, right


def raises(ctx):
    raise ValueError("no such city")


def raises_without_words(ctx):
    raise RuntimeError


def asserts_without_words(ctx):
    assert 1 > 2


def misses_a_key(ctx):
    return {"name": "Ada"}["city"]


def raises_for_a_reason(ctx):
    try:
        misses_a_key(ctx)
    except KeyError as error:
        raise RuntimeError("the row can't be used") from error


def segfaults(ctx):
    print("last words of the segfault", flush=True)
    ctypes.string_at(0)


def aborts(ctx):
    os.abort()


def exits(ctx):
    os._exit(0)


def killed(ctx):
    os.kill(os.getpid(), signal.SIGKILL)


def allocates(ctx):
    block = bytearray(2 * 1024**3)
    block[:] = b"x" * len(block)


def sleeps(ctx):
    time.sleep(600)


def spins_in_c(ctx):
    libc = ctypes.PyDLL(None)  # unlike CDLL, it keeps the GIL
    libc.sleep.argtypes = [ctypes.c_uint]
    while True:
        libc.sleep(600)


def returns_lambda(ctx):
    return lambda: None


def raises_unpicklable(ctx):
    raise Unpicklable(1, 2)


def floods(ctx):
    line = "x" * 999 + "\n"
    for _ in range(50 * 1024):
        sys.stdout.write(line)
    raise ValueError("and after all that nothing came of it")


def closes_descriptors(ctx):
    os.close(1)
    os.close(2)
    raise ValueError("the streams are gone")


def leaves_child(ctx):
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    raise ValueError("a child is still running")


def misses_template(ctx):
    return ctx.document("nope.docx")


def mistypes_template(ctx):
    return ctx.document("lettre.docx")


def fills_disk(ctx):
    with open("/dev/full", "w") as file:
        file.write("x")


def fills_small_disk(ctx):
    with open(f"{os.environ['FULL_DISK']}/large.bin", "wb") as file:
        while True:
            file.write(b"x" * 65536)


def writes_where_it_may_not(ctx):
    with open(f"{os.environ['READ_ONLY']}/result.txt", "w") as file:
        file.write("x")


def opens_too_many_files(ctx):
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "letter.txt")


def raises_a_group(ctx):
    raise ExceptionGroup(
        "two of three parts failed",
        [
            ValueError("no such city"),
            ExceptionGroup("the addresses", [KeyError("street"), OSError(5, "Input/output error")]),
        ],
    )


def raises_a_task_group(ctx):
    async def part(name):
        raise ValueError(f"no part {name}")

    async def parts():
        async with asyncio.TaskGroup() as group:
            group.create_task(part("head"))

    asyncio.run(parts())


def descend(depth):
    return descend(depth + 1)


def recurses(ctx):
    descend(0)


def ping(depth):
    pong(depth + 1)


def pong(depth):
    ping(depth + 1)


def recurses_by_turns(ctx):
    ping(0)


def warns(ctx):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.warn("the old table format goes away", DeprecationWarning, stacklevel=1)


def exits_with_nothing(ctx):
    sys.exit()


def exits_with_zero(ctx):
    sys.exit(0)


def exits_with_a_number(ctx):
    sys.exit(3)


def exits_with_a_text(ctx):
    sys.exit("the price list is empty")


def interrupts_itself(ctx):
    raise KeyboardInterrupt


def returns_nan(ctx):
    return {"price": float("nan")}


def leaves_a_link(ctx):
    (ctx.dir / "passwd").symlink_to("/etc/passwd")


def writes_forbidden_characters(ctx):
    ctx.document().add_paragraph("form\x0cfeed")


WAYS = [
    raises,
    raises_without_words,
    asserts_without_words,
    misses_a_key,
    raises_for_a_reason,
    segfaults,
    aborts,
    exits,
    killed,
    allocates,
    sleeps,
    spins_in_c,
    returns_lambda,
    raises_unpicklable,
    floods,
    closes_descriptors,
    leaves_child,
    misses_template,
    mistypes_template,
    fills_disk,
    *([fills_small_disk] if os.environ.get("FULL_DISK") else []),
    *([writes_where_it_may_not] if os.environ.get("READ_ONLY") else []),
    opens_too_many_files,
    raises_a_group,
    raises_a_task_group,
    recurses,
    recurses_by_turns,
    warns,
    exits_with_nothing,
    exits_with_zero,
    exits_with_a_number,
    exits_with_a_text,
    interrupts_itself,
    returns_nan,
    leaves_a_link,
    writes_forbidden_characters,
]
BY_NAME = {way.__name__: way for way in WAYS}


@job.items
def items():
    for way in WAYS:
        yield Item(id=way.__name__, group="ways")
        yield Item(id=f"sound-{way.__name__}", group="sound")


@job.render
def one(item, ctx):
    if item.group == "sound":
        (ctx.dir / f"{item.id}.txt").write_text(item.id)
        return None
    return BY_NAME[item.id](ctx)
