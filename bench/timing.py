"""Contenders in turn, several times over: what is slow for one is slow for all.

One thread's work is timed by the processor's clock of this process: on an idle machine that is the
wall clock, and where others work too it leaves out what they took.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds that one contender took, run by run."""

    each_s: tuple[float, ...]

    @property
    def median_s(self) -> float:
        return float(np.median(self.each_s))

    @property
    def best_s(self) -> float:
        return min(self.each_s)

    @property
    def spread(self) -> float:
        """Slowest less fastest run, as a fraction of the median."""
        return (max(self.each_s) - min(self.each_s)) / self.median_s

    def __str__(self) -> str:
        return f"{self.median_s:.3g} s ± {self.spread / 2:.0%}"


def timed(work: Callable[[], object], *, clock: Clock = time.process_time) -> float:
    started = clock()
    work()
    return clock() - started


def in_turn(
    contenders: Mapping[str, Callable[[], Callable[[], object]]],
    *,
    n_rounds: int,
    clock: Clock = time.process_time,
) -> dict[str, Times]:
    """Time contenders round by round.

    Args:
        contenders: Each makes, untimed, what is then timed.
        n_rounds: Rounds; the first contender of a round moves on by one each time.
        clock: For work of several threads or processes, `time.perf_counter`.
    """
    names = list(contenders)
    each: dict[str, list[float]] = {name: [] for name in names}
    for number in range(n_rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            each[name].append(timed(contenders[name](), clock=clock))
    return {name: Times(each_s=tuple(seconds)) for name, seconds in each.items()}


def repeated(work: Callable[[], object], *, at_least_s: float, n_warm: int = 2) -> Times:
    """Time a short piece of work again and again."""
    for _ in range(n_warm):
        work()
    each: list[float] = []
    while sum(each) < at_least_s or len(each) < 3:
        each.append(timed(work))
    return Times(each_s=tuple(each))
