"""Everything that is measured, on one machine in one go: `make bench`.

Prints tables and goals, and writes results.md, results.json and scaling.png to bench/results/.
`--quick` takes a taste, and writes only where `--to` says.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from bench import surroundings, training
from bench.effort import FULL, QUICK, Effort
from bench.machine import describe_machine
from bench.plot import plot
from bench.report import Goal, Table, goals_table, machine_table
from bench.scaling import scaling
from bench.warehouse_size import warehouse_size

Chapter = Callable[[Effort], tuple[list[Table], list[Goal]]]
CHAPTERS: tuple[Chapter, ...] = (
    training.same_answers,
    training.against_peers,
    training.stacking,
    training.near_the_peak,
    training.outside_the_update,
    training.two_cores,
    surroundings.environment,
    surroundings.trial_and_study,
    surroundings.features,
    surroundings.decisions,
    scaling,
    surroundings.mini,
    surroundings.memory,
    warehouse_size,
)
RESULTS = Path(__file__).with_name("results")
NO_GPU = "no GPU here"
LATER = "there is none yet"


def unmeasured() -> list[Goal]:
    """Goals that need other hardware, or what does not exist yet."""

    def goal(name: str, target: float, bound: str, unit: str, reason: str) -> Goal:
        return Goal(name=name, target=target, measured=None, bound=bound, unit=unit, reason=reason)

    return [
        goal(
            "training, width 128, against the earlier generation",
            14.0,
            "at least",
            "",
            "its code is no part of this project",
        ),
        goal("environment on one H200", 5e7, "at least", "steps/s", NO_GPU),
        goal("full profile, 900 trials, width 1,280, on one H200", 1.0, "below", "h", NO_GPU),
        goal("new top trial to trader's acknowledgement, p95", 60.0, "below", "s", LATER),
    ]


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(1)
    effort = QUICK if arguments.quick else FULL
    machine = describe_machine()
    print(machine_table(machine).markdown(), flush=True)
    tables: list[Table] = []
    goals: list[Goal] = []
    for more_tables, more_goals in _chapters(effort):
        tables += more_tables
        goals += more_goals
        for table in more_tables:
            print(f"\n{table.markdown()}", flush=True)
    goals += unmeasured()
    print(f"\n{goals_table(goals).markdown()}")
    if arguments.to is not None:
        _write(arguments.to, machine, tables, goals)


def _chapters(effort: Effort) -> Iterator[tuple[list[Table], list[Goal]]]:
    for chapter in CHAPTERS:
        started = time.perf_counter()
        yield chapter(effort)
        print(f"\n({chapter.__name__}: {time.perf_counter() - started:.0f} s)", flush=True)


def _write(folder: Path, machine: dict[str, str], tables: list[Table], goals: list[Goal]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    plot({table.title: table for table in tables}, folder / "scaling.png")
    parts = [machine_table(machine), goals_table(goals), *tables]
    text = "\n\n".join(part.markdown() for part in parts)
    head = "# Results of `make bench`\n\n![Scaling](scaling.png)\n\n"
    (folder / "results.md").write_text(head + text + "\n")
    content = {
        "machine": machine,
        "goals": [goal.to_json() for goal in goals],
        "tables": [
            {"title": t.title, "note": t.note, "columns": t.columns, "rows": t.rows} for t in tables
        ],
    }
    (folder / "results.json").write_text(json.dumps(content, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a taste, in about a minute")
    parser.add_argument("--to", type=Path, help="folder for the results")
    arguments = parser.parse_args()
    if arguments.to is None and not arguments.quick:
        arguments.to = RESULTS
    return arguments


if __name__ == "__main__":
    main()
