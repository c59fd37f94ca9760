"""One search that is struck again and again until it has had enough, and what became of it."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.survival.checks import Outcomes, Watcher, collected, n_given_up, n_vain_tries
from bench.survival.kinds import FATAL, WEIGHTS, Kind, strike
from bench.survival.moments import COLLECTING, SEARCHING, Moment, await_change, fingerprint
from bench.survival.run import Run
from bench.survival.standing import read_trials
from cappuccino_assets.storage.layout import WarehouseLayout

N_TRIALS = 16
STRIKES_PER_ROUND = (6, 20)  # before it is let collect, where it is struck three times more
MOMENT_TIMEOUT_S = 20.0
HANG_S = 300.0
INTERRUPT_S = 20.0
MAX_UNHEARD = 10
MAX_IN_VAIN = 4  # starts in a row that fail although nobody struck them


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One round: a search that is struck some times, and then left to end.

    Attributes:
        number: Of the round; it is the seed of its strikes.
        folder: Of its warehouse, and of what it leaves for people.
        n_workers: Of the search.
        has_disk: Whether its disk can be filled.
    """

    number: int
    folder: Path
    n_workers: int
    has_disk: bool

    @property
    def layout(self) -> WarehouseLayout:
        return WarehouseLayout(root=self.folder / "warehouse")

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def start(self) -> Run:
        return Run.start(
            self.layout.root, n_trials=N_TRIALS, n_workers=self.n_workers, log=self.log
        )


class Round:
    """Strikes one search until it has had enough, and sees it end."""

    def __init__(self, plan: Plan, expected: Outcomes, *, seed: int):
        self._plan, self._layout = plan, plan.layout
        self._draw = random.Random(f"{seed}/{plan.number}")
        self._watcher = Watcher(self._layout, expected, N_TRIALS)
        self.strikes: Counter[tuple[Kind, Moment]] = Counter()
        self.ends: Counter[str] = Counter()
        self.n_unheard = 0

    def play(self) -> dict:
        """Strike, start again, and so on; counts of it all."""
        began = time.monotonic()
        if self._ends_well(self._planned()):
            self._watcher.look_at_end(read_trials(self._layout.studies))
            self._run_once_more()
        else:
            self._watcher.faults.other.append(f"it cannot be continued: {self._last_words()}")
        return self._report() | {"wall_s": time.monotonic() - began}

    def _report(self) -> dict:
        trials = read_trials(self._layout.studies)
        return {
            "round": self._plan.number,
            "kinds": self._counted(0),
            "moments": self._counted(1),
            "ends": dict(self.ends),
            "n_trials": len(trials),
            "n_vain_tries": n_vain_tries(trials),
            "n_given_up": n_given_up(trials),
            "n_unheard": self.n_unheard,
            "faults": self._watcher.faults.counts(),
            "what": self._watcher.faults.all(),
        }

    def _ends_well(self, planned: Iterator[tuple[Kind, Moment]]) -> bool:
        n_in_vain = 0
        while n_in_vain < MAX_IN_VAIN:
            n_before = self.strikes.total()
            if self._live(self._plan.start(), planned) == 0:
                return True
            n_in_vain = n_in_vain + 1 if self.strikes.total() == n_before else 0
        return False

    def _last_words(self) -> str:
        return self._plan.log.read_text(errors="replace")[-500:]

    def _planned(self) -> Iterator[tuple[Kind, Moment]]:
        kinds = [kind for kind in WEIGHTS if kind is not Kind.DISK or self._plan.has_disk]
        weights = [WEIGHTS[kind] for kind in kinds]
        for _ in range(self._draw.randint(*STRIKES_PER_ROUND)):
            moment = Moment.ANY if self._draw.random() < 0.4 else self._draw.choice(SEARCHING)
            yield self._draw.choices(kinds, weights)[0], moment
        for moment in COLLECTING:
            yield self._draw.choice(FATAL), moment

    def _live(self, run: Run, planned: Iterator[tuple[Kind, Moment]]) -> int:
        """Strike a run until it ends; its exit code."""
        if self._draw.random() < 0.3:
            self._early(run)
        while not run.is_over and (next_one := next(planned, None)) is not None:
            self._strike(run, *next_one)
            self._look()
        if not run.await_end(HANG_S):
            self._watcher.faults.other.append(f"a run hung for {HANG_S} s")
            run.kill(with_workers=True)
            run.await_end()
        for process in run.left_behind():
            self._watcher.faults.outlived.append(f"{process} outlived its run")
        self._look()
        self.ends[str(run.process.returncode)] += 1
        return run.process.returncode

    def _early(self, run: Run) -> None:
        time.sleep(self._draw.uniform(0.0, 4.0))
        kind = self._draw.choice(FATAL)
        if not run.is_over and strike(kind, run, self._layout, self._draw):
            self.strikes[kind, Moment.START] += 1
            self._await_death(run, kind)

    def _strike(self, run: Run, kind: Kind, moment: Moment) -> None:
        has_come = self._has_come(run, moment)
        run.workers()  # none of them may outlive it
        if not has_come or run.is_over:
            return
        if strike(kind, run, self._layout, self._draw):
            self.strikes[kind, moment] += 1
            self._await_death(run, kind)

    def _await_death(self, run: Run, kind: Kind) -> None:
        """Wait; Python forgets an interrupt that comes while it destroys something."""
        if kind is Kind.INTERRUPT:
            while not run.await_end(INTERRUPT_S) and self.n_unheard < MAX_UNHEARD:
                self.n_unheard += 1
                run.interrupt()
        elif kind in FATAL:
            run.await_end(HANG_S)

    def _has_come(self, run: Run, moment: Moment) -> bool:
        is_final = moment in COLLECTING
        first = fingerprint(Moment.TOLD if moment is Moment.ANY else moment, self._layout)
        timeout_s = HANG_S if is_final else MOMENT_TIMEOUT_S
        come = await_change(first, timeout_s=timeout_s, is_over=lambda: run.is_over)
        if moment is Moment.ANY:
            time.sleep(self._draw.uniform(0.0, 1.5))
        elif self._draw.random() < 0.5:
            time.sleep(self._draw.uniform(0.0, 0.03))
        return come or not is_final

    def _look(self) -> None:
        self._watcher.look(read_trials(self._layout.studies))

    def _run_once_more(self) -> None:
        before = collected(self._layout)
        again = self._plan.start()
        if not again.await_end(HANG_S) or again.process.returncode != 0:
            self._watcher.faults.other.append("a finished search cannot be run once more")
        elif collected(self._layout) != before:
            self._watcher.faults.other.append("collecting twice changes something")
        self._look()

    def _counted(self, place: int) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for key, n in self.strikes.items():
            counts[key[place].value] += n
        return dict(counts)
