"""Searches that are killed again and again: `python -m bench.kills --kills 200`.

Small real searches run in processes of their own; at random moments, and in the short windows
between two things that belong together, one of them is struck: killed, interrupted, stopped, its
database locked, its disk filled. Then the same command is started again. Counts of what was done
and of what was found wrong are printed as JSON; the exit code is 1 if anything was.

With `--folder` a run that was itself interrupted is continued.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.survival.checks import Outcomes, read_outcomes
from bench.survival.disk import small_disk
from bench.survival.kinds import KILLS
from bench.survival.rounds import Plan, Round
from bench.survival.standing import read_trials
from cappuccino_assets.storage.files import append_bytes, write_json
from cappuccino_assets.tuning.code_version import code_version


def left_alone(folder: Path, n_workers: int) -> Outcomes:
    """Outcomes of the search that nobody struck; kept for whoever continues."""
    file = folder / "left_alone.json"
    if not file.is_file():
        with small_disk(folder / "alone" / "warehouse") as has_disk:
            plan = Plan(number=-1, folder=folder / "alone", n_workers=n_workers, has_disk=has_disk)
            run = plan.start()
            run.await_end()
            if run.process.returncode != 0:
                sys.exit(f"It fails even when left alone: {plan.log.read_text()}")
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
