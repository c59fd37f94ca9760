"""The same training on two cores: two threads of one process, or two processes."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.pool import Pool

import torch

from bench.members import SEEDS, stacked
from bench.peers.work import Work
from bench.timing import timed


def speedups(work: Work, *, n_rounds: int) -> dict[str, float]:
    """Trainings a second on two cores against one, medians of rounds."""
    with _workers(2) as pool:
        pool.map(_train, [work] * 2)  # both import and build what they need
        pool.map(_train, [work] * 2)
        rounds = [_round(pool, work) for _ in range(n_rounds)]
    return {name: _median([each[name] for each in rounds]) for name in rounds[0]}


def _round(pool: Pool, work: Work) -> dict[str, float]:
    one = timed(stacked(work), clock=time.perf_counter)
    with _threads(2):
        two_threads = timed(stacked(work), clock=time.perf_counter)
    started = time.perf_counter()
    pool.map(_train, [work] * 2, chunksize=1)
    two_processes = time.perf_counter() - started
    alone = timed(lambda: pool.apply(_train, [work]), clock=time.perf_counter)
    return {"two threads": one / two_threads, "two processes": 2 * alone / two_processes}


def _train(work: Work) -> None:
    torch.set_num_threads(1)
    stacked(work, SEEDS)()


@contextmanager
def _workers(n: int) -> Iterator[Pool]:
    with multiprocessing.get_context("spawn").Pool(n) as pool:
        yield pool


@contextmanager
def _threads(n: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    yield
    torch.set_num_threads(before)


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
