"""How long a mini search takes here: `make bench`."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = Path(sys.executable).with_name("cappuccino")
RUN = ("run", "--profile", "mini", "--source", "simulated", "--workers", "2", "--json")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"CAPPUCCINO_WAREHOUSE": folder}
        started = time.perf_counter()
        done = subprocess.run(
            [COMMAND, *RUN],
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
        )
        wall_s = time.perf_counter() - started
    n_trials = sum(study["n_complete"] for study in json.loads(done.stdout)["studies"])
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"{n_trials} trials through Dagster, two workers: {wall_s:.1f} s ({machine})")


if __name__ == "__main__":
    main()
