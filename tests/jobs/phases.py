"""Three phases: words, pairs of them (a group each), and the lengths of pairs; a log says what was rendered."""

import os
import time

from parbatch import Item, Job

words = Job("words", chunk_size=5)
sizes = Job("sizes", after=words, needs=os.environ.get("PHASES_NEED", "all"))
pairs = Job("pairs", after=[words, sizes], chunk_size=5, merge="array", needs=os.environ.get("PHASES_NEED", "all"))


def note(item):
    if "PHASES_LOG" in os.environ:
        line = f"{item.id}\n".encode()
        descriptor = os.open(os.environ["PHASES_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, line)
        os.close(descriptor)
    target = time.process_time() + float(os.environ.get("PHASES_SECONDS", "0"))
    while time.process_time() < target:
        pass
    if item.id in os.environ.get("PHASES_FAIL", "").split():
        raise ValueError(f"no {item.name}")


@words.items
def given():
    for number in range(int(os.environ.get("PHASES_ITEMS", "4"))):
        yield Item(id=f"word-{number:03d}", data={"number": number})


@words.render
def word(item, ctx):
    note(item)
    print("a word")
    ctx.metric("letters", 3)
    (ctx.dir / f"{item.id}.txt").write_text("word\n")
    return item.data["number"] + (100 if item.id == os.environ.get("PHASES_CHANGED") else 0)


@sizes.items
def of_words(previous):
    for outcome in previous:
        yield Item(id=f"size-{outcome.item.id[5:]}", data={"of": outcome.result})


@sizes.render
def size(item, ctx):
    note(item)
    (ctx.dir / f"{item.id}.txt").write_text(f"{item.data['of']}\n")
    return item.data["of"] * 2


@pairs.items
def of_both(words, sizes):
    by_number = {outcome.item.id[5:]: outcome.result for outcome in sizes}
    for outcome in words:
        number = outcome.item.id[5:]
        yield Item(
            id=f"pair-{number}",
            group="even" if outcome.result % 2 == 0 else "odd",
            data={"word": outcome.result, "size": by_number.get(number)},
        )


@pairs.render
def pair(item, ctx):
    note(item)
    (ctx.dir / f"{item.id}.txt").write_text(f"{item.data}\n")
    return item.data["size"]


@pairs.overview
def summary(run, ctx):
    (ctx.dir / "overview.txt").write_text("".join(f"{o.item.id} {o.result}\n" for o in run.outcomes()))
