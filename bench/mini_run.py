"""How long a mini search takes, through Dagster, from a cold start."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

COMMAND = Path(sys.executable).with_name("cappuccino")


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniRun:
    """One whole mini campaign on the simulated market."""

    n_trials: int
    wall_s: float
    peak_mib: float


def mini_run(*, n_workers: int) -> MiniRun:
    """Run it in a warehouse of its own.

    The peak is that of the largest process so far among all that this process has waited for.
    """
    run = ("run", "--profile", "mini", "--source", "simulated", "--workers", str(n_workers))
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"CAPPUCCINO_WAREHOUSE": folder}
        started = time.perf_counter()
        done = subprocess.run(
            [COMMAND, *run, "--json"], env=environment, stdout=subprocess.PIPE, check=True
        )
        wall_s = time.perf_counter() - started
    return MiniRun(
        n_trials=sum(study["n_complete"] for study in json.loads(done.stdout)["studies"]),
        wall_s=wall_s,
        peak_mib=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    )


def main() -> None:
    for n_workers in (2, 1):
        run = mini_run(n_workers=n_workers)
        print(
            f"{run.n_trials} trials through Dagster, {n_workers} workers: {run.wall_s:.1f} s, "
            f"largest process so far {run.peak_mib:.0f} MiB"
        )


if __name__ == "__main__":
    main()
