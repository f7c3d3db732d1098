"""A small language course in three phases: sentences are taken apart, mixed with decoys, and made into exercises.

    parbatch run examples/course.py:exercises --workers 8

668 sentences of Esperanto, which is regular enough for a grammar of one page, go through three jobs of 668 items each.
Every phase has a generator, which makes mistakes, and a validation, which finds them: an item that is at fault, and
only that one, is generated again, with the problems to read in `ctx.feedback`. What comes out is
`lego/merged.json`, `baskets/merged.json`, `exercises/merged.jsonl`, and a worksheet for each sentence.

The generators stand in for a model or a person. They are deterministic, so that every run gives the same files: a
seeded share of their first tries is wrong, and they mend what they are told of, and nothing else. Two environment
variables serve to try things out: COURSE_STUBBORN=exercises/s042 makes one item of a phase never pass, and
COURSE_SECONDS=0.1 makes the generators take so long over each item.
"""

import os
import random
import time
from itertools import product

from parbatch import Item, Job, Problem

SENTENCES = 668
MISTAKEN = 0.2  # the share of first tries that are wrong
MOST_WORDS = 3  # in a piece
DECOYS = 2  # in a basket

# A fresh worker for each chunk of baskets: there a generator must not remember what it mixed before.
lego = Job("lego", chunk_size=20, merge="object")
baskets = Job("baskets", after=lego, chunk_size=20, merge="object", fresh_worker="chunk")
exercises = Job("exercises", after=baskets, chunk_size=20, merge="lines")


# --- the language

ANIMALS = {"kato": "cat", "hundo": "dog", "birdo": "bird", "ĉevalo": "horse", "elefanto": "elephant", "vulpo": "fox"}
THINGS = {"domo": "house", "pomo": "apple", "floro": "flower", "ŝtono": "stone", "ovo": "egg", "ponto": "bridge"}
QUALITIES = {"granda": "big", "ruĝa": "red", "malnova": "old", "bela": "beautiful", "juna": "young"}
ACTIONS = {"vidas": "sees", "trovas": "finds", "serĉas": "looks for", "amas": "loves"}
PLACES = {"en la ĝardeno": "in the garden", "apud la rivero": "by the river", "sur la monto": "on the mountain"}
PREPOSITIONS = {place.split()[0] for place in PLACES}


def sentences():
    """The sentences of the course, none twice, the same ones at every call."""
    parts = product(ANIMALS, ["", *QUALITIES], ACTIONS, ["", *QUALITIES], THINGS, ["", *PLACES])
    for animal, quality, action, other, thing, place in random.Random("course").sample([*parts], SENTENCES):
        thing_seen = f"{other}n {thing}n" if other else f"{thing}n"  # -n marks what something is done to
        text = f"la {quality} {animal} {action} {thing_seen} {place}"
        yield " ".join(text.split()).capitalize() + "."


def take_apart(sentence):
    """The pieces of a sentence: who, does, what, and where, if that is said."""
    words = sentence.rstrip(".").lower().split()
    verb = next(number for number, word in enumerate(words) if word in ACTIONS)
    where = next((number for number, word in enumerate(words) if word in PREPOSITIONS), len(words))
    pieces = words[:verb], words[verb : verb + 1], words[verb + 1 : where], words[where:]
    return [" ".join(piece) for piece in pieces if piece]


def put_together(pieces):
    """The sentence that pieces make in this order."""
    return " ".join(pieces).capitalize() + "."


def meaning(piece):
    """A piece in English."""
    if piece in PLACES or piece in ACTIONS:
        return PLACES.get(piece) or ACTIONS[piece]
    vocabulary = ANIMALS | THINGS | QUALITIES
    english = " ".join(vocabulary[word.removesuffix("n")] for word in piece.removeprefix("la ").split())
    article = "the" if piece.startswith("la ") else "an" if english[0] in "aeiou" else "a"
    return f"{article} {english}"


# --- the generators' mistakes


def slip(job, item, ctx, *mistakes):
    """The mistake that a generator makes this time, or an empty text; never one that the feedback tells it of.

    Mistakes have the names of the problems that validation finds.
    """
    time.sleep(float(os.environ.get("COURSE_SECONDS", "0")))
    if os.environ.get("COURSE_STUBBORN") == f"{job.name}/{item.id}":
        return mistakes[0]
    chance = random.Random(f"{job.name}/{item.id}")
    mistake = chance.choice(mistakes) if chance.random() < MISTAKEN else ""
    told_of = {problem.type for problem in ctx.feedback}
    return "" if mistake in told_of else mistake


# --- phase 1: pieces


@lego.items
def all_sentences():
    """An item for each sentence."""
    for number, sentence in enumerate(sentences(), start=1):
        yield Item(id=f"s{number:03d}", name=sentence, data={"sentence": sentence})


@lego.render
def pieces_of(item, ctx):
    """Take a sentence apart and translate its pieces. Mistakes: a piece is lost; a meaning is missing."""
    mistake = slip(lego, item, ctx, "another-sentence", "no-meaning")
    sentence = item.data["sentence"]
    pieces = [{"text": piece, "means": meaning(piece)} for piece in take_apart(sentence)]
    if mistake == "another-sentence":
        pieces.pop()
    if mistake == "no-meaning":
        pieces[0]["means"] = ""
    return {item.id: {"sentence": sentence, "pieces": pieces}}


@lego.validate
def check_pieces(item, ctx):
    """The pieces make the sentence, are short, and have a meaning each."""
    pieces = ctx.result[item.id]["pieces"]
    made = put_together(piece["text"] for piece in pieces)
    if made != item.data["sentence"]:
        advice = "Take the sentence apart again, and leave nothing out."
        yield Problem("another-sentence", f"the pieces make {made!r}", item.data["sentence"], advice)
    for number, piece in enumerate(pieces, start=1):
        if len(piece["text"].split()) > MOST_WORDS:
            yield Problem("long-piece", f"{piece['text']!r} has more than {MOST_WORDS} words", f"piece {number}")
        if not piece["means"]:
            yield Problem("no-meaning", f"{piece['text']!r} has no meaning", f"piece {number}", "Translate it.")


# --- phase 2: baskets


@baskets.items
def all_pieces(previous):
    """An item for each sentence that was taken apart."""
    for outcome in previous:
        yield Item(id=outcome.item.id, name=outcome.item.name, data=outcome.result[outcome.item.id])


@baskets.render
def basket_of(item, ctx):
    """Mix a sentence's pieces with two decoys. Mistakes: there are no decoys; the pieces lie in their order."""
    mistake = slip(baskets, item, ctx, "no-decoys", "in-order")
    chance = random.Random(item.id)
    pieces = [piece["text"] for piece in item.data["pieces"]]
    others = [animal for animal in ANIMALS if animal not in pieces[0]]
    decoys = [f"la {chance.choice(others)}", chance.choice([action for action in ACTIONS if action not in pieces])]
    basket = pieces + ([] if mistake == "no-decoys" else decoys)
    while mistake != "in-order" and lies_in_order(basket, pieces):
        chance.shuffle(basket)
    return {item.id: {**item.data, "basket": basket}}


def lies_in_order(basket, pieces):
    """Whether the pieces can be read off the basket."""
    return [piece for piece in basket if piece in pieces] == pieces


@baskets.validate
def check_basket(item, ctx):
    """All pieces and two decoys are there, and the order does not give the answer away."""
    basket = ctx.result[item.id]["basket"]
    pieces = [piece["text"] for piece in item.data["pieces"]]
    for piece in pieces:
        if (count := basket.count(piece)) != 1:
            yield Problem("wrong-pieces", f"{piece!r} is there {count} times", "basket", "Put it in once.")
    if (decoys := len(basket) - len(pieces)) != DECOYS:
        yield Problem("no-decoys", f"{decoys} decoys instead of {DECOYS}", "basket", "Add what does not belong.")
    if lies_in_order(basket, pieces):
        yield Problem("in-order", "the pieces lie in the order of the sentence", "basket", "Shuffle them.")


# --- phase 3: exercises


@exercises.items
def all_baskets(previous):
    """An item for each basket."""
    for outcome in previous:
        yield Item(id=outcome.item.id, name=outcome.item.name, data=outcome.result[outcome.item.id])


@exercises.render
def exercises_of(item, ctx):
    """Write two exercises and a worksheet. Mistakes: the answer is no option; the answer can be read."""
    mistake = slip(exercises, item, ctx, "no-right-answer", "answer-shown")
    sentence, basket = item.data["sentence"], item.data["basket"]
    missing = random.Random(item.id).choice(item.data["pieces"])
    means = " ".join(piece["means"] for piece in item.data["pieces"])
    gap = put_together("___" if piece is missing else piece["text"] for piece in item.data["pieces"])
    made = [
        {"ask": f"Say: {means}", "options": basket, "answer": take_apart(sentence)},
        {"ask": f"{missing['means']}: {gap}", "options": sorted(basket), "answer": [missing["text"]]},
    ]
    if mistake == "no-right-answer":
        made[1]["options"] = [option for option in basket if option != missing["text"]]
    if mistake == "answer-shown":
        made[1]["ask"] = f"{missing['means']}: {sentence}"
    (ctx.dir / f"{item.id}.md").write_text(worksheet(made), encoding="utf-8")
    return {"id": item.id, "exercises": made}


def worksheet(made):
    """The exercises for a learner, as Markdown; the answers are in the merged file alone."""
    return "".join(f"{number}. {one['ask']}\n   {' / '.join(one['options'])}\n" for number, one in enumerate(made, 1))


@exercises.validate
def check_exercises(item, ctx):
    """Every answer is among the options, and none can be read in what is asked."""
    for number, exercise in enumerate(ctx.result["exercises"], start=1):
        answer, where = exercise["answer"], f"exercise {number}"
        if not set(answer) <= set(exercise["options"]):
            yield Problem("no-right-answer", f"{answer} is not among the options", where, "Offer the whole basket.")
        if " ".join(answer) in exercise["ask"].lower():
            yield Problem("answer-shown", f"{answer} can be read in the question", where, "Put a gap in its place.")
