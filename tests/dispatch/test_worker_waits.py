"""For what and how long workers are waited for outside of attempts."""

from parbatch.dispatch.dispatcher import Hooks
from parbatch.dispatch.worker_waits import SILENCE_S, TELL_AFTER_S, Longest, Waits
from parbatch.model.messages import Loading
from tests.dispatch.fakes import MuteBackend, dispatched
from tests.dispatch.scheduling import scheduler as scheduler_of


def test_what_is_loaded_without_a_time_limit_is_told_of_and_waited_for() -> None:
    workers, told = MuteBackend(Loading("setup")), []

    def watch(longest: Longest | None) -> None:
        if longest is not None:
            told.append(longest)
            if longest.seconds > 3 * SILENCE_S:
                dispatcher.stop("long enough", grace_s=0)

    _, _, dispatcher = dispatched(workers, 3, memory_cap=1, hooks=Hooks(watch=watch))
    dispatcher.run()
    assert told[0] == ("setup in worker 1", TELL_AFTER_S)
    assert told[-1].seconds > 3 * SILENCE_S


def test_time_for_which_all_stood_still_is_nobodys_silence() -> None:
    waits = Waits(timeout=None)
    scheduler = scheduler_of(3)
    scheduler.hand_out(0)
    waits.update(scheduler, 10.0)
    assert waits.overdue(10.0 + SILENCE_S)
    waits.add_pause(30.0)
    assert not waits.overdue(10.0 + SILENCE_S)
    assert waits.overdue(40.0 + SILENCE_S)


def test_a_step_of_the_jobs_own_has_the_time_of_an_attempt_and_one_that_waits_for_others_has_no_end() -> None:
    waits = Waits(timeout=100.0)
    waits.begin_step(0, Loading("setup"), 5.0)
    waits.begin_step(1, Loading("the baseline", is_bounded=False), 5.0)
    assert [waits.deadline(slot) for slot in (0, 1, 2)] == [105.0, None, None]
    ((slot, wait),) = waits.overdue(105.0)
    assert (slot, wait.too_long) == (0, "setup took longer than 1 min 40 s")
    waits.end(0)
    assert waits.overdue(999.0) == []
