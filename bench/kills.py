"""Searches that are killed again and again: `python -m bench.kills --kills 200`.

Small real searches run in processes of their own; at random moments, and in the short windows
between two things that belong together, one of them is struck: killed, interrupted, stopped, its
database locked, its disk filled. Then the same command is started again. Counts of what was done
and of what was found wrong are printed as JSON; the exit code is 1 if anything was.

With `--folder` a run that was itself interrupted is continued.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.survival.checks import (
    Outcomes,
    Watcher,
    collected,
    n_given_up,
    n_vain_tries,
    read_outcomes,
)
from bench.survival.disk import small_disk
from bench.survival.kinds import FATAL, KILLS, WEIGHTS, Kind, strike
from bench.survival.moments import COLLECTING, SEARCHING, Moment, await_change, fingerprint
from bench.survival.run import Run
from bench.survival.standing import read_trials
from cappuccino_assets.storage.files import append_bytes, write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.code_version import code_version

N_TRIALS = 16
STRIKES_PER_ROUND = 20
MOMENT_TIMEOUT_S = 20.0
HANG_S = 300.0
INTERRUPT_S = 20.0
MAX_UNHEARD = 10


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

    def start(self) -> Run:
        return Run.start(
            self.layout.root,
            n_trials=N_TRIALS,
            n_workers=self.n_workers,
            log=self.folder / "log",
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
        planned = self._planned()
        while self._live(self._plan.start(), planned) != 0:
            pass
        trials = read_trials(self._layout.studies)
        self._watcher.look_at_end(trials)
        self._run_once_more()
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
            "wall_s": time.monotonic() - began,
        }

    def _planned(self) -> Iterator[tuple[Kind, Moment]]:
        kinds = [kind for kind in WEIGHTS if kind is not Kind.DISK or self._plan.has_disk]
        weights = [WEIGHTS[kind] for kind in kinds]
        for _ in range(STRIKES_PER_ROUND):
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
        if not self._has_come(run, moment) or run.is_over:
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


def left_alone(folder: Path, n_workers: int) -> Outcomes:
    """Outcomes of the search that nobody struck; kept for whoever continues."""
    file = folder / "left_alone.json"
    if not file.is_file():
        with small_disk(folder / "alone" / "warehouse") as has_disk:
            plan = Plan(number=-1, folder=folder / "alone", n_workers=n_workers, has_disk=has_disk)
            run = plan.start()
            run.await_end()
            if run.process.returncode != 0:
                sys.exit(f"It fails even when left alone: {(plan.folder / 'log').read_text()}")
            trials = read_trials(plan.layout.studies)
        told = [[*trial.identity, trial.outcome] for trial in trials]
        write_json(file, {"code": code_version(), "trials": told})
    if json.loads(file.read_text())["code"] != code_version():
        sys.exit(f"{folder} was begun with other code: choose another folder.")
    return read_outcomes(file)


def play_rounds(folder: Path, *, n_kills: int, n_workers: int, seed: int) -> list[dict]:
    """Play until there were enough strikes; rounds that were played before are kept."""
    expected, log = left_alone(folder, n_workers), folder / "rounds.jsonl"
    rounds = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
    while n_done(rounds) < n_kills:
        place = folder / f"round_{len(rounds):03d}"
        shutil.rmtree(place, ignore_errors=True)
        with ExitStack() as stack:
            has_disk = stack.enter_context(small_disk(place / "warehouse"))
            plan = Plan(number=len(rounds), folder=place, n_workers=n_workers, has_disk=has_disk)
            rounds.append(Round(plan, expected, seed=seed).play())
            if rounds[-1]["what"]:
                shutil.copytree(plan.layout.root, place / "evidence")
            append_bytes(log, f"{json.dumps(rounds[-1])}\n".encode())
        print(f"round {len(rounds)}: {n_done(rounds)} of {n_kills}", file=sys.stderr, flush=True)
    return rounds


def n_done(rounds: Sequence[dict]) -> int:
    """Kills so far; whatever else was done does not count."""
    return sum(each["kinds"].get(kind.value, 0) for each in rounds for kind in KILLS)


def summary(rounds: Sequence[dict]) -> dict:
    """Counts over all rounds."""

    def total(name: str) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for each in rounds:
            counts.update(each[name])
        return dict(sorted(counts.items(), key=lambda item: -item[1]))

    return {
        "kills": n_done(rounds),
        "other strikes": sum(sum(each["kinds"].values()) for each in rounds) - n_done(rounds),
        "rounds": len(rounds),
        "starts": sum(total("ends").values()),
        **{name: sum(each[name] for each in rounds) for name in _SUMS},
        "faults": total("faults"),
        "kinds": total("kinds"),
        "moments": total("moments"),
        "exit codes": total("ends"),
        "what": [text for each in rounds for text in each["what"]],
    }


_SUMS = ("n_trials", "n_vain_tries", "n_given_up", "n_unheard", "wall_s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="kill -9, at least")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="kept, and continued if it is there")
    given = parser.parse_args()
    with ExitStack() as stack:
        temporary = tempfile.TemporaryDirectory
        folder = given.folder or Path(stack.enter_context(temporary()))
        folder.mkdir(parents=True, exist_ok=True)
        rounds = play_rounds(folder, n_kills=given.kills, n_workers=given.workers, seed=given.seed)
    found = summary(rounds)
    print(json.dumps(found, indent=2))
    sys.exit(1 if any(found["faults"].values()) else 0)


if __name__ == "__main__":
    main()
