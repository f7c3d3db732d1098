"""2,000 questions over 500 source texts of 200 KB, each held once for all workers: `parbatch run examples/context.py`.

Each question needs four texts of one subject. Chunks are made so that questions about the same texts come together,
and the overview adds up what was found: a figure that is the same whatever the workers, the order and interruptions.
"""

import json
import random

from parbatch import Entry, Item, Job

TEXTS, SUBJECTS, TEXTS_OF_SUBJECT, QUESTIONS = 500, 50, 14, 2_000
SIZE = 200_000

job = Job("context", chunk_size=100)


def words_of(number):
    """The vocabulary of a text, made up from its number."""
    syllables = ["ba", "ko", "mi", "ru", "te", "sol", "ven", "dar", "lin", "pax"]
    rng = random.Random(number)
    return ["".join(rng.choices(syllables, k=rng.randint(2, 4))) for _ in range(200)]


def text(number):
    """A text of SIZE characters: its vocabulary over and over, in another order each time."""
    rng, words, lines, length = random.Random(f"text {number}"), words_of(number), [], 0
    rng.shuffle(words)
    while length < SIZE:
        start = rng.randrange(len(words))
        lines.append(" ".join(words[start:] + words[:start]) + "\n")
        length += len(lines[-1])
    return "".join(lines)[:SIZE]


@job.context
def texts():
    for number in range(TEXTS):
        content = text(number)
        yield Entry(
            f"text_{number:03}",
            content,
            type="text",
            source=f"archive/{number:03}.txt",
            summary=f"begins with {content[:20]}",
            tokens=content.count(" "),
        )


@job.items
def questions():
    rng = random.Random(2026)
    for number in range(QUESTIONS):
        first = rng.randrange(SUBJECTS) * TEXTS // SUBJECTS  # neighbouring subjects share four of their texts
        chosen = rng.sample(range(first, first + TEXTS_OF_SUBJECT), 4)
        word = words_of(chosen[0] % TEXTS)[0]
        yield Item(
            id=f"question_{number:04}",
            data={"word": word},
            requires=[f"text_{text % TEXTS:03}" for text in chosen],
            priority=1 if number < 20 else 0,  # the first twenty can't wait
        )


@job.render
def answer(item, ctx):
    """How often the word is in each of the texts."""
    word = item.data["word"]
    found = {name: ctx.context[name].content.count(word) for name in item.requires}
    ctx.metric("found", sum(found.values()))
    return found


@job.overview
def total(run, ctx):
    found = sum(sum(outcome.result.values()) for outcome in run.outcomes() if outcome.status == "ok")
    answer = {"questions": run.counts["ok"], "found": found}
    (ctx.dir / "answer.json").write_text(json.dumps(answer))
    print(answer)
