"""Which jobs come before a job, and in which order they are done."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parbatch import Job
from parbatch.errors import JobError
from parbatch.model.dependencies import in_order


def names(job: Job) -> list[str]:
    return [phase.name for phase in in_order(job)]


def test_a_job_that_comes_after_none_is_the_only_phase() -> None:
    assert names(Job("letters")) == ["letters"]


def test_what_comes_before_is_done_first_in_the_order_in_which_it_is_named() -> None:
    lego, prices = Job("lego"), Job("prices")
    assert names(Job("baskets", after=(lego, prices))) == ["lego", "prices", "baskets"]
    assert names(Job("baskets", after=(prices, lego))) == ["prices", "lego", "baskets"]


def test_a_job_that_two_come_after_is_done_once() -> None:
    lego = Job("lego")
    left, right = Job("left", after=lego), Job("right", after=lego)
    assert names(Job("both", after=(left, right))) == ["lego", "left", "right", "both"]


def test_a_circle_is_an_error_that_shows_it_and_nothing_besides() -> None:
    a, b = Job("a"), Job("b")
    c = Job("c", after=(b, a))
    a.after, b.after = (c,), (a,)
    with pytest.raises(JobError, match=r"in a circle: c → b → a → c \(a → b: a comes after b\)"):
        in_order(c)
    with pytest.raises(JobError, match=r"in a circle: c → b → a → c"):
        in_order(Job("d", after=c))


def test_a_job_that_comes_after_itself_is_a_circle() -> None:
    job = Job("a")
    job.after = (job,)
    with pytest.raises(JobError, match="in a circle: a → a"):
        job.check()


def test_a_chain_and_a_circle_may_be_longer_than_calls_can_be_nested() -> None:
    first = job = Job("job 0")
    for number in range(1, 5000):
        job = Job(f"job {number}", after=job)
    assert names(job) == [f"job {number}" for number in range(5000)]
    first.after = (job,)
    with pytest.raises(JobError, match=r"job 4999 → job 4998 → .* → job 0 → job 4999"):
        in_order(job)


@pytest.mark.parametrize("other", ["lego", "Lego"])
def test_two_jobs_of_one_name_cannot_be_in_one_run(other: str) -> None:
    left = Job("left", after=Job("lego"))
    with pytest.raises(JobError, match=rf"Job\('lego'\) and Job\('{other}'\), would have one folder"):
        in_order(Job("both", after=(left, Job(other))))


@given(st.integers(0, 2**32))
def test_every_job_is_there_once_and_after_all_that_it_comes_after(seed: int) -> None:
    chance = random.Random(seed)
    jobs: list[Job] = []
    for number in range(chance.randint(1, 30)):
        jobs.append(Job(f"{number}", after=chance.sample(jobs, chance.randint(0, min(4, len(jobs))))))
    ordered = in_order(jobs[-1])
    assert len({id(job) for job in ordered}) == len(ordered)
    for place, job in enumerate(ordered):
        assert all(earlier in ordered[:place] for earlier in job.after)
    needed, found = [jobs[-1]], {id(jobs[-1])}
    while needed:
        for earlier in needed.pop().after:
            if id(earlier) not in found:
                found.add(id(earlier))
                needed.append(earlier)
    assert {id(job) for job in ordered} == found


@pytest.mark.parametrize("after", ["lego", None, 5, ("lego",), {"lego"}])
def test_a_job_comes_after_jobs(after: Any) -> None:
    with pytest.raises(JobError, match=r"Job\('baskets'\): after=.* is neither a Job nor several"):
        Job("baskets", after=after)


def test_a_need_that_there_is_not_is_refused() -> None:
    with pytest.raises(JobError, match=r"needs='most' is not one of 'all', 'ok'"):
        Job("baskets", after=Job("lego"), needs="most")


def test_the_items_function_takes_one_argument_for_each_job_before() -> None:
    lego, prices = Job("lego"), Job("price list")
    for job in (lego, prices):
        job.items(list)
        job.render(lambda *_: None)
    baskets = Job("baskets", after=(lego, prices))
    baskets.render(lambda *_: None)
    baskets.items(lambda lego, prices: [lego, prices])
    baskets.check()
    alone = Job("alone", after=lego)
    alone.render(lambda *_: None)
    alone.items(lambda: ())
    with pytest.raises(JobError, match=r"can't be called with 1 argument: write def rows\(previous\)"):
        alone.check()
    both = Job("both", after=(lego, prices))
    both.render(lambda *_: None)
    both.items(lambda lego: [lego])
    with pytest.raises(JobError, match=r"with 2 arguments: write def rows\(lego, price_list\)"):
        both.check()


def test_what_comes_before_is_checked_too() -> None:
    baskets = Job("baskets", after=Job("lego"))
    baskets.items(lambda previous: previous)
    baskets.render(lambda *_: None)
    with pytest.raises(JobError, match=r"Job\('lego'\) has no items function"):
        baskets.check()
