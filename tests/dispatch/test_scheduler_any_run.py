"""The scheduler, whatever crashes when: every item ends exactly once, and none for another one's sake."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from parbatch.model.item import Task
from parbatch.model.outcome import Status
from tests.dispatch.scheduling import scheduler
from tests.support import ended

ENDS: list[Status] = ["ok", "ok", "ok", "crashed", "crashed", "failed", "timeout"]


class AnyRun(RuleBasedStateMachine):
    """A dispatcher that tells the scheduler whatever may happen, in any order, and keeps its own books."""

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
        self.made = scheduler(count, slots, chunk, attempts=attempts)
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
    made = scheduler(count, slots, chunk, attempts=attempts)
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
