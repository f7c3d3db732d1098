"""Items that start processes, each in another way. In a Python of their own, as `python file.py`, all of them work."""

import concurrent.futures
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from typing import Any

import loky

import parbatch
from parbatch import Item, Job

job = Job("inside", timeout=30, attempts=1, chunk_size=50)
kept = []


class OddError(Exception):
    """Comes back from a process by its name."""


def square(number: int) -> int:
    return number * number


def refuse(number: int) -> None:
    raise OddError(f"odd: {number}")


def put(queue: Any, value: int) -> None:
    queue.put(value)


def pool(context: Any) -> object:
    with context.Pool(2) as workers:
        return workers.map(square, [2, 3])


def pool_left(context: Any) -> object:
    kept.append(context.Pool(2))
    return kept[-1].map(square, [2, 3])


def executor(context: Any) -> object:
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as workers:
        return list(workers.map(square, [2, 3]))


def error(context: Any) -> object:
    with context.Pool(1) as workers:
        try:
            return workers.map(refuse, [3])
        except OddError as odd:
            return str(odd)


def process(context: Any) -> object:
    queue = context.Queue()
    started = context.Process(target=put, args=(queue, 7))
    started.start()
    value = queue.get(timeout=20)
    started.join()
    return value


def manager(context: Any) -> object:
    with context.Manager() as served:
        shared = served.dict(a=1)
        return dict(shared)


def by_loky(_: Any) -> object:
    with loky.ProcessPoolExecutor(1) as workers:
        return list(workers.map(square, [2, 3]))


def start_method(context: Any) -> object:
    return context.get_start_method()


WAYS: list[Callable[[Any], object]] = [pool, executor, error, process, manager, pool_left, start_method]


@job.items
def items() -> Iterator[Item]:
    yield Item(id="by_loky default")
    for method in ("default", "fork", "spawn", "forkserver"):
        for way in WAYS:
            yield Item(id=f"{way.__name__} {method}")


@job.render
def render(item: Item, _: object) -> object:
    name, _, method = item.id.partition(" ")
    context = multiprocessing if method == "default" else multiprocessing.get_context(method)
    return {way.__name__: way for way in (*WAYS, by_loky)}[name](context)


if __name__ == "__main__":
    parbatch.run(job, workers=1, out=sys.argv[1], progress="none")
