"""How far a search is, how fast it goes, and what it takes of the machine."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import psutil

from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.studies import StudyState

_SECONDS_PER_HOUR: Final = 3600.0
_MIB: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a study is, and how fast the whole run goes.

    Attributes:
        study_name: The study that has just got a trial, or that was found at the start.
        n_done: Its complete and pruned trials.
        n_target: How many it shall have.
        best_score: Its best score; None before the first.
        trials_per_hour: Trials of all studies that were finished, wherever, by the time since this
            run began.
        eta_s: Seconds until all studies are complete, at that rate; None before the first trial.
        n_workers: Worker processes of this run.
        cpu_percent: Processor time of this run since the last progress; 100 is one core.
        memory_mb: Resident memory of this run, MiB; pages that processes share count for each.
    """

    study_name: str
    n_done: int
    n_target: int
    best_score: float | None
    trials_per_hour: float
    eta_s: float | None
    n_workers: int
    cpu_percent: float
    memory_mb: float


class Meter:
    """Turns states of studies into progress.

    Args:
        plans: All studies of a run.
        states: What they are at its start.
    """

    def __init__(self, plans: Sequence[StudyPlan], states: Sequence[StudyState]):
        self._targets = {plan.study_name: plan.n_trials for plan in plans}
        self._done = {state.study_name: state.n_done for state in states}
        self._n_at_start = sum(self._done.values())
        self._started = time.monotonic()
        self._usage = _Usage()

    def is_new(self, state: StudyState) -> bool:
        """Whether a study has got further since its last progress."""
        return self._done[state.study_name] != state.n_done

    def progress(self, state: StudyState, *, n_workers: int) -> Progress:
        """Take in the state of a study.

        Args:
            state: What it has come to.
            n_workers: Worker processes of this run now.
        """
        self._done[state.study_name] = state.n_done
        n_new = sum(self._done.values()) - self._n_at_start
        n_left = sum(max(0, n - self._done[name]) for name, n in self._targets.items())
        elapsed_s = time.monotonic() - self._started
        cpu_percent, memory_mb = self._usage.measure()
        return Progress(
            study_name=state.study_name,
            n_done=state.n_done,
            n_target=self._targets[state.study_name],
            best_score=state.best_score,
            trials_per_hour=_SECONDS_PER_HOUR * n_new / elapsed_s if n_new else 0.0,
            eta_s=elapsed_s * n_left / n_new if n_new else None,
            n_workers=n_workers,
            cpu_percent=cpu_percent,
            memory_mb=memory_mb,
        )


class _Usage:
    """What this process and its children take."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._seconds: dict[int, float] = {}
        self._at = time.monotonic()
        self.measure()

    def measure(self) -> tuple[float, float]:
        """Measure processor time since the last time, in percent, and memory of now, in MiB."""
        seconds, memory = dict[int, float](), 0
        family = [self._process, *self._process.children(recursive=True)]
        for process in family:
            try:
                with process.oneshot():
                    seconds[process.pid] = sum(process.cpu_times()[:2])
                    memory += process.memory_info().rss
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue  # it has just ended
        now = time.monotonic()
        spent = sum(each - self._seconds.get(pid, 0.0) for pid, each in seconds.items())
        elapsed, self._at, self._seconds = now - self._at, now, seconds
        percent = 100 * spent / elapsed if elapsed else 0.0
        return percent, memory / _MIB
