"""The schedule: what goes where next, who is suspect, and when to stop, without a process or a clock."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from parbatch.dispatch.chunk_size import MOST_BYTES, MOST_BYTES_AHEAD, MOST_BYTES_PUT_OFF, ChunkSizer
from parbatch.dispatch.scheduler import Schedule
from parbatch.model.item import Task
from parbatch.model.outcome import Status
from parbatch.model.problem import Evidence, Feedback, Problem
from parbatch.storage.chunk_log import references
from tests.support import ended, task


def schedule(count: int, slots: int = 1, chunk: int | None = 1, **more: Any) -> Schedule:
    return Schedule(map(task, range(count)), count, slots, sizer=ChunkSizer(chunk, slots), **more)


def handed(made: Schedule, slot: int = 0) -> list[int]:
    """The positions in the chunk that a slot gets; none when it gets no chunk."""
    chunk = made.hand_out(slot)
    return [] if chunk is None else [given.position for given in chunk.tasks]


def crash(made: Schedule, slot: int = 0) -> bool:
    """The worker dies in the middle of an item, as the coordinator tells it. Returns whether the item is settled."""
    (victim,) = made.in_flight(slot)
    _, settled = made.ended(slot, ended(victim, "crashed"), 0.0)
    made.died(slot)
    return settled


def end(made: Schedule, status: Status = "ok", slot: int = 0, now: float = 0.0) -> bool:
    (in_flight,) = made.in_flight(slot)
    return made.ended(slot, ended(in_flight, status), now)[1]


def fail(made: Schedule, fingerprint: str, slot: int = 0) -> None:
    (in_flight,) = made.in_flight(slot)
    made.ended(slot, ended(in_flight, "failed", fingerprint=fingerprint), 0.0)


def stop_of(made: Schedule) -> str | None:
    return made.stopped_by


# --- one thing at a time


def test_chunks_hold_the_items_in_order_and_the_last_one_what_is_left() -> None:
    made = schedule(5, slots=3, chunk=2)
    assert [handed(made, slot) for slot in range(3)] == [[0, 1], [2, 3], [4]]
    assert not made.waiting


def test_a_slot_has_its_next_chunk_before_it_needs_it() -> None:
    made = schedule(100, chunk=10)
    assert handed(made) == [*range(10)]
    assert handed(made) == [*range(10, 20)]
    assert handed(made) == []


def wide(count: int, size: int, chunk: int | None, **more: Any) -> Schedule:
    """A schedule of items that carry so many bytes each."""
    data = msgspec.Raw(b'"%s"' % (b"x" * size))
    return Schedule((replace(task(n), data=data) for n in range(count)), count, 1, sizer=ChunkSizer(chunk, 1), **more)


def test_a_chunk_of_items_that_carry_much_is_smaller_and_all_items_have_their_turn() -> None:
    made = wide(10, MOST_BYTES // 2, chunk=5)
    chunks = []
    while not made.finished:
        chunks.append(handed(made))
        made.began(0, 0.0)
        for _ in chunks[-1]:
            end(made)
    assert chunks == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


def test_a_slot_gets_no_further_chunk_while_what_it_has_comes_to_many_bytes() -> None:
    made = wide(10, MOST_BYTES_AHEAD, chunk=1)
    assert handed(made) == [0]
    assert handed(made) == []
    made.began(0, 0.0)
    end(made)
    assert handed(made) == [1]


def test_while_what_is_put_off_comes_to_many_bytes_nothing_fresh_is_begun() -> None:
    made = wide(3, MOST_BYTES_PUT_OFF, chunk=1, attempts=2, backoff=10.0)
    assert handed(made) == [0]
    made.began(0, 0.0)
    assert not end(made, "failed")
    assert made.hand_out(0, 1.0) is None
    assert made.next_due == 10.0
    again = made.hand_out(0, 10.0)
    assert again is not None
    assert [given.position for given in again.tasks] == [0]
    made.began(0, 10.0)
    end(made, now=10.5)
    assert handed(made) == [1]


def test_near_the_end_no_slot_holds_work_that_an_idle_one_could_do() -> None:
    made = schedule(4, slots=2, chunk=2)
    assert handed(made, 0) == [0, 1]
    assert handed(made, 0) == []
    assert handed(made, 1) == [2, 3]


def test_an_item_is_in_flight_from_the_end_of_its_predecessor() -> None:
    made = schedule(2, chunk=2, timeout=5.0)
    made.hand_out(0)
    assert made.in_flight(0) == []
    assert made.deadline(0) is None
    made.began(0, 10.0)
    assert made.in_flight(0) == [task(0)]
    assert made.deadline(0) == 15.0
    end(made, now=12.0)
    assert made.in_flight(0) == [task(1)]
    assert made.since(0) == 12.0
    assert made.deadline(0) == 17.0
    end(made, now=13.0)
    assert made.in_flight(0) == []
    assert made.finished


def test_a_waiting_chunk_is_not_in_flight_until_it_is_begun() -> None:
    made = schedule(10, chunk=1)
    made.hand_out(0)
    made.hand_out(0)
    made.began(0, 0.0)
    end(made)
    assert made.has_work(0)
    assert made.in_flight(0) == []


def test_without_a_timeout_there_is_no_deadline() -> None:
    made = schedule(1)
    made.hand_out(0)
    made.began(0, 1.0)
    assert made.deadline(0) is None


def test_a_crash_sends_the_suspect_on_alone_and_its_chunk_mates_to_the_front() -> None:
    made = schedule(20, chunk=4)
    made.hand_out(0)
    made.hand_out(0)
    made.began(0, 0.0)
    end(made)
    assert not crash(made)  # item 1, which is to be tried once more
    suspect = made.hand_out(0)
    assert suspect is not None
    assert [(one.position, one.number) for one in suspect.tasks] == [(1, 2)]
    assert handed(made) == []  # nothing else while the suspect is there
    made.began(0, 0.0)
    assert crash(made)
    assert handed(made) == [2, 3, 4, 5]


def test_a_suspect_waits_for_a_slot_that_has_nothing_else() -> None:
    made = schedule(100, slots=2, chunk=2)
    for slot in (0, 1):
        made.hand_out(slot)
        made.began(slot, 0.0)
    crash(made, 0)
    assert handed(made, 1) == []
    end(made, slot=1)
    end(made, slot=1)
    assert handed(made, 1) == [0]


@pytest.mark.parametrize(("attempts", "tries"), [(1, 2), (2, 2), (3, 3)])
def test_a_crash_is_tried_once_more_at_least_and_as_often_as_asked(attempts: int, tries: int) -> None:
    made = schedule(1, attempts=attempts)
    verdicts = []
    while not made.finished:
        made.hand_out(0)
        made.began(0, 0.0)
        verdicts.append(crash(made))
    assert verdicts == [False] * (tries - 1) + [True]


@pytest.mark.parametrize("status", ["failed", "invalid", "timeout", "memory"])
def test_other_ends_are_tried_again_only_as_often_as_asked(status: Status) -> None:
    for attempts in (1, 2, 3):
        made = schedule(1, attempts=attempts)
        numbers = []
        while not made.finished:
            chunk = made.hand_out(0)
            assert chunk is not None
            numbers.append(chunk.tasks[0].number)
            made.began(0, 0.0)
            end(made, status)
        assert numbers == [*range(1, attempts + 1)]


def test_an_item_in_flight_when_a_worker_is_put_down_without_blame_is_the_same_attempt_again() -> None:
    made = schedule(3, chunk=3)
    made.hand_out(0)
    made.began(0, 0.0)
    end(made)
    made.died(0)
    again = made.hand_out(0)
    assert again is not None
    assert again.tasks == [task(1), task(2)]


def test_a_worker_that_returns_its_chunks_loses_none_of_their_items() -> None:
    made = schedule(20, chunk=2)
    made.hand_out(0)
    made.hand_out(0)
    made.began(0, 0.0)
    end(made)
    made.returned(0)
    assert not made.busy
    assert handed(made) == [1, 2]
    assert handed(made) == [3, 4]


def test_a_suspect_that_is_put_down_unbegun_stays_a_suspect() -> None:
    made = schedule(4, chunk=2)
    made.hand_out(0)
    made.began(0, 0.0)
    crash(made)
    assert handed(made) == [0]
    made.died(0)
    assert handed(made) == [0]
    assert handed(made) == []


def test_after_a_stop_nothing_is_handed_out_and_the_first_reason_stays() -> None:
    made = schedule(10)
    made.hand_out(0)
    made.stop("interrupted")
    made.stop("the time budget is used up")
    assert stop_of(made) == "interrupted"
    assert handed(made) == []
    before = made.finished
    made.returned(0)
    assert (before, made.finished, made.waiting) == (False, True, 10)


def test_an_item_that_is_tried_again_is_no_failure_yet() -> None:
    made = schedule(2, max_failures=1, attempts=2)
    made.hand_out(0)
    made.began(0, 0.0)
    end(made, "failed")
    assert stop_of(made) is None
    made.hand_out(0)
    made.began(0, 0.0)
    end(made, "failed")
    assert stop_of(made) == "the limit of 1 failure was reached (--max-failures 1)"
    assert made.waiting == 1


def test_max_failures_counts_items_whatever_their_status() -> None:
    made = schedule(10, chunk=10, max_failures=3)
    made.hand_out(0)
    made.began(0, 0.0)
    for status in ("failed", "timeout"):
        end(made, status)
    end(made)
    assert stop_of(made) is None
    end(made, "memory")
    assert stop_of(made) == "the limit of 3 failures was reached (--max-failures 3)"


def test_attempts_that_fail_alike_in_a_row_stop_the_run() -> None:
    made = schedule(10, chunk=10, max_same_failure=3)
    made.hand_out(0)
    made.began(0, 0.0)
    for fingerprint in ("a", "a", "b", "b"):
        fail(made, fingerprint)
    end(made)  # an ok in between starts the count anew
    for _ in range(2):
        fail(made, "b")
    assert stop_of(made) is None
    fail(made, "b")
    assert stop_of(made) == "3 attempts in a row failed alike (--max-same-failure 3)"


def test_attempts_in_a_row_are_counted_over_all_slots_and_tries() -> None:
    made = schedule(10, slots=2, attempts=2, max_same_failure=3)
    for slot in (0, 1, 0):
        made.hand_out(slot)
        made.began(slot, 0.0)
        fail(made, "a", slot)
    assert stop_of(made) == "3 attempts in a row failed alike (--max-same-failure 3)"


def test_further_tasks_follow_once_all_before_them_have_settled() -> None:
    seen: list[int] = []
    made = schedule(2, slots=2, attempts=2, then=lambda: (map(task, range(2, 2 + 2 - len(seen))), 2 - len(seen)))
    for slot in (0, 1):
        made.hand_out(slot)
        made.began(slot, 0.0)
    end(made, slot=0)
    assert handed(made, 0) == []
    assert not end(made, "failed", slot=1)
    assert handed(made, 1) == [1]  # the second try belongs to what comes before
    made.began(1, 0.0)
    assert handed(made, 0) == []
    seen.append(1)
    end(made, slot=1)
    assert not made.finished
    assert handed(made, 0) == [2]
    made.began(0, 0.0)
    end(made)
    assert made.finished


def test_after_a_stop_no_further_tasks_are_asked_for() -> None:
    def never() -> tuple[Iterator[Task], int]:
        raise AssertionError("asked for more")

    made = schedule(1, max_failures=1, then=never)
    made.hand_out(0)
    made.began(0, 0.0)
    end(made, "failed")
    assert handed(made) == []
    assert made.finished
    assert (made.waiting, made.has_more) == (0, True)


def test_an_end_that_is_not_of_the_item_in_flight_is_a_bug_that_shows() -> None:
    made = schedule(2, chunk=2)
    made.hand_out(0)
    made.began(0, 0.0)
    with pytest.raises(AssertionError, match="the end of 1 is reported, and it is not in flight"):
        made.ended(0, ended(task(1)), 0.0)


def test_a_source_that_gives_less_than_it_promised_ends_the_run() -> None:
    made = Schedule(iter([task(0)]), 5, 1, sizer=ChunkSizer(2, 1))
    assert handed(made) == [0]
    made.began(0, 0.0)
    end(made)
    assert handed(made) == []
    assert made.finished


def test_the_source_is_read_no_further_than_what_is_handed_out() -> None:
    read = []

    def source() -> Iterator[Task]:
        for position in range(1_000_000):
            read.append(position)
            yield task(position)

    made = Schedule(source(), 1_000_000, 2, sizer=ChunkSizer(10, 2))
    for _ in range(3):
        made.hand_out(0)
        made.hand_out(1)
    assert len(read) == 40


# --- whatever crashes when

ENDS: list[Status] = ["ok", "ok", "ok", "crashed", "crashed", "failed", "timeout"]


class AnyRun(RuleBasedStateMachine):
    """A coordinator that tells the schedule whatever may happen, in any order, and keeps its own books."""

    @initialize(
        count=st.integers(0, 25),
        slots=st.integers(1, 4),
        chunk=st.none() | st.integers(1, 7),
        attempts=st.integers(1, 3),
        may_stop=st.booleans(),
    )
    def begin(self, *, count: int, slots: int, chunk: int | None, attempts: int, may_stop: bool) -> None:
        self.count = count
        self.attempts = attempts
        self.may_stop = may_stop
        self.made = schedule(count, slots, chunk, attempts=attempts)
        self.held: list[list[list[Task]]] = [[] for _ in range(slots)]
        self.begun = [False] * slots
        self.tries: dict[int, list[Status]] = {}  # how each item's attempts ended
        self.settled: Counter[int] = Counter()
        self.now = 0.0

    @rule(number=st.integers(0, 3))
    def ask_for_a_chunk(self, number: int) -> None:
        slot = number % len(self.held)
        chunk = self.made.hand_out(slot)
        if chunk is None:
            return
        assert chunk.tasks
        assert self.made.stopped_by is None, "handed out after a stop"
        assert not any(self.suspects(held) for held in self.held[slot]), "a suspect has got company"
        assert not self.suspects(chunk.tasks) or (len(chunk.tasks) == 1 and not self.held[slot]), (
            "a suspect is not alone"
        )
        for one in chunk.tasks:
            assert one.position not in self.in_hand(), "handed out twice"
            assert not self.settled[one.position], "handed out after it was settled"
            assert one.number == 1 + len(self.tries.get(one.position, [])), "an attempt that nobody made is counted"
        self.held[slot].append(list(chunk.tasks))

    @rule(number=st.integers(0, 3), status=st.sampled_from(ENDS), begins_only=st.booleans())
    def work(self, number: int, status: Status, *, begins_only: bool) -> None:
        slot = number % len(self.held)
        if not self.held[slot]:
            return
        self.now += 1
        if not self.begun[slot]:
            self.made.began(slot, self.now)
            self.begun[slot] = True
            if begins_only:
                return
        current = self.held[slot][0].pop(0)
        assert self.made.in_flight(slot) == [current]
        told, settled = self.made.ended(slot, ended(current, status), self.now)
        assert told == current
        assert settled == (status == "ok" or current.number >= self.tries_of(status))
        self.tries.setdefault(current.position, []).append(status)
        self.settled[current.position] += settled
        if not self.held[slot][0]:
            del self.held[slot][0]
            self.begun[slot] = False
        if status == "crashed":
            self.made.died(slot)
            self.put_down(slot)

    @rule(number=st.integers(0, 3), returns=st.booleans())
    def lose_a_worker_without_blame(self, number: int, *, returns: bool) -> None:
        slot = number % len(self.held)
        (self.made.returned if returns else self.made.died)(slot)
        self.put_down(slot)

    @precondition(lambda self: self.may_stop)
    @rule()
    def stop(self) -> None:
        self.made.stop("enough")

    @invariant()
    def nothing_is_lost_and_nothing_is_settled_twice(self) -> None:
        in_hand = self.in_hand()
        assert len(in_hand) == len(set(in_hand))
        assert self.made.waiting + len(in_hand) + self.settled.total() == self.count
        assert self.made.busy == bool(in_hand)
        assert max(self.settled.values(), default=0) <= 1

    def teardown(self) -> None:
        """From any state, workers that go on to the end settle every item; after a stop, all the others wait."""
        if not hasattr(self, "made"):
            return
        if self.made.stopped_by is not None:
            for slot in range(len(self.held)):
                self.lose_a_worker_without_blame(slot, returns=True)
            assert self.made.finished
            assert self.made.waiting == self.count - self.settled.total()
            return
        rounds = 0
        while not self.made.finished:
            for slot in range(len(self.held)):
                self.ask_for_a_chunk(slot)
                self.work(slot, "ok", begins_only=False)
            rounds += 1
            assert rounds <= self.count, "slots stand idle while items wait"
        assert self.settled == Counter(range(self.count))

    # --- the books

    def in_hand(self) -> list[int]:
        return [given.position for held in self.held for tasks in held for given in tasks]

    def suspects(self, tasks: list[Task]) -> list[Task]:
        return [given for given in tasks if self.tries.get(given.position, ["ok"])[-1] == "crashed"]

    def tries_of(self, status: Status) -> int:
        return max(self.attempts, 2) if status == "crashed" else self.attempts

    def put_down(self, slot: int) -> None:
        self.held[slot].clear()
        self.begun[slot] = False


TestEveryItemEndsExactlyOnceWhateverCrashesWhen = AnyRun.TestCase
TestEveryItemEndsExactlyOnceWhateverCrashesWhen.settings = settings(max_examples=200, stateful_step_count=40)


@given(
    count=st.integers(0, 40),
    slots=st.integers(1, 4),
    chunk=st.none() | st.integers(1, 9),
    fates=st.dictionaries(st.integers(0, 39), st.lists(st.sampled_from(ENDS), max_size=3)),
    attempts=st.integers(1, 3),
)
def test_a_crash_is_blamed_on_no_other_item(
    count: int, slots: int, chunk: int | None, fates: dict[int, list[Status]], attempts: int
) -> None:
    """Each item ends as its own fate has it, in as many attempts as that takes, whoever was in its chunk."""
    made = schedule(count, slots, chunk, attempts=attempts)
    seen: dict[int, list[Status]] = {position: [] for position in range(count)}
    while not made.finished:
        for slot in range(slots):
            made.hand_out(slot)
            if not made.has_work(slot):
                continue
            if not made.in_flight(slot):
                made.began(slot, 0.0)
            (current,) = made.in_flight(slot)
            status = dict(enumerate(fates.get(current.position, []), start=1)).get(current.number, "ok")
            seen[current.position].append(status)
            made.ended(slot, ended(current, status), 0.0)
            if status == "crashed":
                made.died(slot)
    assert seen == {position: own_fate(fates.get(position, []), attempts) for position in range(count)}


def own_fate(fate: list[Status], attempts: int) -> list[Status]:
    """How an item's attempts end when it is all alone in the world."""
    seen: list[Status] = []
    for status in [*fate, *["ok"] * 4]:
        seen.append(status)  # type: ignore[arg-type]
        if status == "ok" or len(seen) >= (max(attempts, 2) if status == "crashed" else attempts):
            break
    return seen


def test_items_wait_between_attempts_and_hold_no_slot() -> None:
    made = schedule(3, chunk=1, attempts=3, backoff=10.0)
    made.hand_out(0, 0.0)
    made.began(0, 0.0)
    end(made, "failed", now=1.0)
    assert made.next_due == 11.0
    assert handed(made) == [1], "others go on meanwhile"
    made.began(0, 1.0)
    end(made, now=2.0)
    assert handed(made) == [2]
    made.began(0, 2.0)
    end(made, now=3.0)
    assert made.hand_out(0, 3.0) is None
    assert not made.finished
    second = made.hand_out(0, 11.0)
    assert second is not None
    assert [(one.position, one.number) for one in second.tasks] == [(0, 2)]
    made.began(0, 11.0)
    end(made, "failed", now=12.0)
    assert made.next_due == 32.0, "twice as long"
    made.stop("enough")
    assert [made.next_due, made.finished] == [None, True]


def test_the_next_attempt_is_told_what_was_wrong_with_the_one_before() -> None:
    made = schedule(1, attempts=2)
    made.hand_out(0)
    made.began(0, 0.0)
    evidence = Evidence(type="too short", message="3 words", problems=(Problem("too short", "3 words", where="title"),))
    made.ended(0, ended(task(0), "invalid", evidence=evidence, result=msgspec.Raw(b'{"words":3}')), 1.0)
    chunk = made.hand_out(0)
    assert chunk is not None
    feedback = msgspec.json.decode(chunk.tasks[0].feedback, type=Feedback)
    assert feedback == Feedback((Problem("too short", "3 words", where="title"),), {"words": 3})
    assert feedback
    assert len(feedback) == 1
    assert not Feedback()


def test_all_of_a_whole_chunk_is_in_flight_and_ends_in_any_order() -> None:
    made = schedule(4, chunk=4, whole=True, timeout=5.0)
    made.hand_out(0)
    made.began(0, 10.0)
    assert [one.position for one in made.in_flight(0)] == [0, 1, 2, 3]
    made.ended(0, ended(task(2)), 12.0)
    assert [one.position for one in made.in_flight(0)] == [0, 1, 3]
    assert made.deadline(0) == 15.0, "the time is the chunk's"


@pytest.mark.parametrize("status", ["crashed", "timeout", "memory"])
def test_what_befalls_a_whole_chunk_is_tried_once_more_each_item_alone(status: Status) -> None:
    made = schedule(3, chunk=3, whole=True)
    made.hand_out(0)
    made.began(0, 0.0)
    for one in made.in_flight(0):
        assert made.ended(0, ended(one, status), 1.0)[1] is False
    made.died(0)
    for position in range(3):
        assert handed(made) == [position]
        made.began(0, 2.0)
        assert end(made, status, now=3.0), "alone, it is the item's own fault"
    assert made.finished


def test_rendered_items_wait_for_their_chunk_and_are_not_blamed_for_the_one_in_flight() -> None:
    made = schedule(3, chunk=3)
    made.hand_out(0)
    made.began(0, 0.0)
    made.rendered(0, 1.0)
    assert [one.position for one in made.in_flight(0)] == [1]
    assert not crash(made)
    assert handed(made) == [1]
    made.began(0, 2.0)
    end(made, now=3.0)
    assert handed(made) == [0, 2]
    made.began(0, 3.0)
    made.rendered(0, 4.0)
    made.rendered(0, 5.0)
    assert [one.position for one in made.in_flight(0)] == [0, 2], "their chunk is being validated"


@pytest.mark.parametrize("status", ["crashed", "timeout", "memory"])
def test_what_befalls_further_attempts_together_is_blamed_on_none_of_them(status: Status) -> None:
    """However often they were tried before, in this run or one that broke off: each has still to be tried alone."""
    tasks = [replace(task(0), number=3), replace(task(1), number=2)]
    made = Schedule(iter(tasks), 2, 1, sizer=ChunkSizer(2, 1), attempts=3, whole=True)
    made.hand_out(0)
    made.began(0, 0.0)
    assert [made.ended(0, ended(one, status), 1.0)[1] for one in made.in_flight(0)] == [False, False]
    made.died(0)
    assert [handed(made), made.in_flight(0)] == [[0], []]
    made.began(0, 2.0)
    assert end(made, status, now=3.0), "alone, it is the item's own fault"


def test_a_chunk_that_a_stop_cut_short_is_validated_as_far_as_it_is_rendered() -> None:
    made = schedule(3, chunk=3)
    made.hand_out(0)
    made.began(0, 0.0)
    made.rendered(0, 1.0)
    made.stop("enough")
    made.rendered(0, 2.0, is_last=True)
    assert [one.position for one in made.in_flight(0)] == [0, 1]
    assert end_of(made, 0)
    assert end_of(made, 1)
    assert [made.finished, made.waiting] == [True, 1]


def end_of(made: Schedule, position: int) -> bool:
    return made.ended(0, ended(task(position)), 3.0)[1]


def test_items_that_wait_between_attempts_are_no_work_that_others_could_do() -> None:
    """With one item left that can be rendered, it goes to the slot that is idle, and not into a busy one's queue."""
    made = schedule(12, slots=2, chunk=1, attempts=2, backoff=10.0)
    for _ in range(10):
        made.hand_out(0)
        made.began(0, 0.0)
        end(made, "failed")
    assert handed(made, 0) == [10]
    assert handed(made, 0) == []
    assert handed(made, 1) == [11]


def test_auto_shares_out_what_can_be_rendered_now() -> None:
    made = schedule(24, slots=2, chunk=None, attempts=2, backoff=10.0)
    tried: list[int] = []
    while len(tried) < 20:
        chunk = made.hand_out(0)
        assert chunk is not None
        made.began(0, 0.0)
        for one in chunk.tasks:
            made.ended(0, ended(one, "failed"), 0.0)
            tried.append(one.position)
    assert [made.waiting, made.next_due] == [24, 10.0]
    assert len(handed(made, 0)) == 1


# --- shared entries


def requiring(position: int, *entries: str) -> Task:
    return replace(task(position), requires=entries)


def test_a_chunk_holds_no_more_distinct_entries_than_it_may_and_the_others_go_next() -> None:
    tasks = [requiring(0, "a", "b"), requiring(1, "b"), requiring(2, "c"), requiring(3, "a"), requiring(4, "c", "d")]
    made = Schedule(iter(tasks), 5, 3, sizer=ChunkSizer(4, 3), max_entries=2)
    assert [handed(made, slot) for slot in range(3)] == [[0, 1], [2, 3], [4]]
    assert not made.waiting


def test_the_chunks_that_are_begun_are_those_whose_entries_are_held() -> None:
    made = Schedule(iter([requiring(0, "a"), requiring(1, "b")]), 2, 2, sizer=ChunkSizer(1, 2), max_entries=2)
    made.hand_out(0)
    made.hand_out(1)
    assert made.begun() == []
    made.began(0, 0.0)
    made.began(1, 0.0)
    assert references(made.begun()) == {"a": 1, "b": 1}
    end(made)
    assert references(made.begun()) == {"b": 1}
    made.died(1)
    assert references(made.begun()) == {}


@given(st.lists(st.sets(st.sampled_from("abcdef"), max_size=3), max_size=12), st.integers(1, 5))
def test_every_item_is_handed_out_once_within_the_bound(needs: list[set[str]], size: int) -> None:
    tasks = [requiring(position, *sorted(need)) for position, need in enumerate(needs)]
    made = Schedule(iter(tasks), len(tasks), 1, sizer=ChunkSizer(size, 1), max_entries=3)
    seen = []
    while (chunk := made.hand_out(0)) is not None:
        assert len(chunk.tasks) <= size
        assert len({entry for one in chunk.tasks for entry in one.requires}) <= 3
        made.began(0, 0.0)
        for one in chunk.tasks:
            seen.append(one.position)
            end(made)
    assert seen == [*range(len(tasks))]
    assert made.finished


def test_an_item_that_failed_in_whole_chunks_has_its_last_attempt_alone() -> None:
    made = schedule(3, chunk=3, whole=True, attempts=3)
    assert handed(made) == [0, 1, 2]
    made.began(0, 0.0)
    for one in made.in_flight(0):
        made.ended(0, ended(one, "failed"), 1.0)
    assert handed(made) == [0, 1, 2], "what failed together is tried again together"
    made.began(0, 2.0)
    for one in made.in_flight(0):
        made.ended(0, ended(one, "failed"), 3.0)
    for position in range(3):
        assert handed(made) == [position]
        made.began(0, 4.0)
        assert end(made, "failed" if position == 1 else "ok", now=5.0)


def test_what_the_items_of_a_chunk_fail_for_together_is_one_failure_alike() -> None:
    made = schedule(6, chunk=3, whole=True, max_same_failure=2)
    for count in (1, 2):
        assert made.stopped_by is None, f"before chunk {count}"
        made.hand_out(0)
        made.began(0, 0.0)
        for one in made.in_flight(0):
            made.ended(0, ended(one, "failed", fingerprint="same"), 1.0)
    assert "2 attempts in a row failed alike" in str(made.stopped_by)
