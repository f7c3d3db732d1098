"""The course example: its language, and generators that make mistakes and mend those that they are told of."""

import inspect
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from parbatch import Item, Job, Problem
from parbatch.model.loading import JobRef, resolve

FILE = Path(__file__).parents[2] / "examples" / "course.py"
PHASES = ("lego", "baskets", "exercises")


@pytest.fixture(scope="module")
def course() -> ModuleType:
    job = resolve(JobRef("file", str(FILE), "lego"))
    module = inspect.getmodule(job.functions["render"])
    assert module is not None
    return module


class Generated:
    """What the functions of one phase do with all items, without a run: the attempts at each, to the first without
    problems.
    """

    def __init__(self, job: Job, previous: tuple[Any, ...], folder: Path, *, feedback: bool = True) -> None:
        self.outcomes: list[Any] = []
        self.problems: dict[str, list[list[Problem]]] = {}
        self.folder = folder
        folder.mkdir(exist_ok=True)
        for item in job.functions["items"](*previous):
            result = self._attempts(job, item, folder, feedback=feedback)
            self.outcomes.append(SimpleNamespace(item=item, result=result))

    def _attempts(self, job: Job, item: Item, folder: Path, *, feedback: bool) -> Any:
        tries = self.problems.setdefault(item.id, [])
        told: list[Problem] = []
        for _ in range(3):
            ctx = SimpleNamespace(dir=folder, feedback=told if feedback else [], result=None)
            ctx.result = job.functions["render"](item, ctx)
            told = list(job.functions["validate"](item, ctx))
            tries.append(told)
            if not told:
                break
        return ctx.result


@pytest.fixture(scope="module")
def phases(course: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Generated]:
    folder = tmp_path_factory.mktemp("phases")
    done: dict[str, Generated] = {}
    previous: tuple[Any, ...] = ()
    for name in PHASES:
        done[name] = Generated(getattr(course, name), previous, folder / name)
        previous = (done[name].outcomes,)
    return done


def test_there_are_668_sentences_all_different_and_always_the_same(course: ModuleType) -> None:
    sentences = list(course.sentences())
    assert len(set(sentences)) == len(sentences) == 668
    assert sentences == list(course.sentences())


def test_a_sentence_can_be_taken_apart_and_put_together(course: ModuleType) -> None:
    for sentence in course.sentences():
        pieces = course.take_apart(sentence)
        assert course.put_together(pieces) == sentence
        assert len(pieces) in {3, 4}


@pytest.mark.parametrize(
    ("piece", "english"),
    [
        ("la granda kato", "the big cat"),
        ("ovon", "an egg"),
        ("malnovan ponton", "an old bridge"),
        ("ruĝan pomon", "a red apple"),
        ("serĉas", "looks for"),
        ("en la ĝardeno", "in the garden"),
    ],
)
def test_a_piece_is_translated(course: ModuleType, piece: str, english: str) -> None:
    assert course.meaning(piece) == english


def test_a_fifth_of_the_first_tries_is_wrong_and_mended_at_the_second(phases: dict[str, Generated]) -> None:
    for phase in phases.values():
        assert len(phase.outcomes) == 668
        faulty = [tries for tries in phase.problems.values() if tries[0]]
        assert 0.15 < len(faulty) / 668 < 0.25
        assert {len(tries) for tries in faulty} == {2}


def test_the_mistakes_are_of_two_kinds_a_phase_and_every_problem_says_what_to_do(phases: dict[str, Generated]) -> None:
    for phase in phases.values():
        told = [problem for tries in phase.problems.values() for problem in tries[0]]
        assert len({problem.type for problem in told}) == 2
        assert all(problem.where and problem.suggestion for problem in told)


def test_without_the_feedback_the_mistakes_are_made_again(course: ModuleType, tmp_path: Path) -> None:
    phase = Generated(course.lego, (), tmp_path / "lego", feedback=False)
    faulty = [tries for tries in phase.problems.values() if tries[0]]
    assert faulty
    assert all(first == second == third for first, second, third in faulty)


@pytest.mark.parametrize("name", PHASES)
def test_a_stubborn_item_never_passes_and_the_others_do(
    course: ModuleType, phases: dict[str, Generated], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COURSE_STUBBORN", f"{name}/s042")
    before = PHASES[: PHASES.index(name)]
    previous = (phases[before[-1]].outcomes,) if before else ()
    phase = Generated(getattr(course, name), previous, tmp_path / name)
    assert [item_id for item_id, tries in phase.problems.items() if tries[-1]] == ["s042"]


def test_the_same_files_come_of_every_run(course: ModuleType, phases: dict[str, Generated], tmp_path: Path) -> None:
    again = Generated(course.exercises, (phases["baskets"].outcomes,), tmp_path / "again")
    assert again.outcomes == phases["exercises"].outcomes
    sheets = sorted(phases["exercises"].folder.iterdir())
    assert len(sheets) == 668
    for sheet in sheets:
        assert sheet.read_bytes() == (tmp_path / "again" / sheet.name).read_bytes()


def test_a_worksheet_asks_and_does_not_answer(phases: dict[str, Generated]) -> None:
    for outcome in phases["exercises"].outcomes:
        text = (phases["exercises"].folder / f"{outcome.item.id}.md").read_text()
        assert outcome.item.name not in text
        assert text.count("\n") == 4
