"""Items that need four of 60 texts each, told by the environment how to go wrong; each reports its private memory."""

import os
import signal

from parbatch import Entry, Item, Job

SIZE, TEXTS, ITEMS = 600_000, 60, 240

job = Job("sharing", chunk_size=20)


def private_bytes():
    """The private memory of this process, mapped files that nobody else has open included."""
    with open("/proc/self/smaps_rollup") as lines:
        return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


@job.context
def texts():
    for number in range(TEXTS):
        yield Entry(f"text_{number:02}", f"{number:02} " * (SIZE // 3), tokens=SIZE // 3)


@job.items
def items():
    for number in range(ITEMS):
        first = number * 7 % 50
        yield Item(id=f"i{number:03}", requires=[f"text_{(first + step) % TEXTS:02}" for step in (0, 2, 5, 9)])


@job.setup
def remember():
    return private_bytes()


@job.render
def read(item, ctx):
    wrong = os.environ.get("SHARING_WRONG", "")
    if wrong == "raises" and item.id.endswith("3"):
        raise ValueError(ctx.context[item.requires[0]].content[:2])
    if wrong == "crashes" and item.id == "i107" and ctx.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if wrong == "waits" and item.id == "i107":
        with open(os.environ["SHARING_GATE"]) as gate:
            gate.read()
    length = sum(len(ctx.context[name].content) for name in item.requires)
    return {"length": length, "grown": private_bytes() - ctx.shared}
