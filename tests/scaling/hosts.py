"""Machines that search together: processes that share a database and a folder, and nothing else."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.studies import study_storage
from tests.scaling.host import STUDY

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 300.0
# Another host name, and no process or network interface of this one.
_ELSEWHERE = ["unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--net", "--ipc"]
_ELSEWHERE += ["--uts", "sh", "-c", 'hostname elsewhere && exec "$@"', "sh"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """What the machines share.

    Attributes:
        studies_url: The database; None for a search of one machine.
        artifacts_url: The folder.
    """

    studies_url: str | None = None
    artifacts_url: str | None = None

    def layout(self, root: Path) -> WarehouseLayout:
        return WarehouseLayout(
            root=root, studies_url=self.studies_url, artifacts_url=self.artifacts_url
        )


def can_be_elsewhere() -> bool:
    """Whether this user may make namespaces."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_ELSEWHERE, "true"], check=False, capture_output=True).returncode == 0


@contextmanager
def host(
    root: Path,
    place: Place,
    *arguments: object,
    elsewhere: bool = False,
    environment: dict[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start one machine's part; end it in the end.

    Args:
        root: Its warehouse.
        place: What it shares.
        arguments: Of `tests.scaling.host`; `worker` is the command `cappuccino worker`.
        elsewhere: Whether it shall have host name, processes and network of its own.
        environment: Instead of this process's.
    """
    shared = {"STUDIES_URL": place.studies_url, "ARTIFACTS_URL": place.artifacts_url}
    named = {f"CAPPUCCINO_{name}": value for name, value in shared.items() if value}
    with subprocess.Popen(
        [*(_ELSEWHERE if elsewhere else []), *_command(arguments)],
        cwd=ROOT,
        env=(environment or dict(os.environ)) | named | {"CAPPUCCINO_WAREHOUSE": str(root)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _command(arguments: Sequence[object]) -> list[str]:
    if arguments == ("worker",):
        cappuccino = [sys.executable, "-m", "cappuccino_assets.cli.main"]
        return [*cappuccino, "worker", "--study", STUDY, "--workers", "1"]
    return [sys.executable, "-m", "tests.scaling.host", *map(str, arguments)]


def ran(root: Path, place: Place, *arguments: object, **options: Any) -> None:
    """Run one machine's part to its end."""
    with host(root, place, *arguments, **options) as process:
        assert process.wait(_PATIENCE_S) == 0


@contextmanager
def study_of(layout: WarehouseLayout) -> Iterator[optuna.Study]:
    with study_storage(layout) as storage:
        yield optuna.load_study(study_name=STUDY, storage=storage)


def outcomes(layout: WarehouseLayout) -> list[tuple[int, TrialState, float | None, dict[str, Any]]]:
    """What the search came to, whoever did what of it."""
    with study_of(layout) as study:
        return [(t.number, t.state, t.value, t.params) for t in study.trials]


def workers(layout: WarehouseLayout) -> list[tuple[str, int]]:
    """Host and process that ended each trial, in order."""
    with study_of(layout) as study:
        claims = [trial.user_attrs["worker"] for trial in study.trials]
    return [(claim["host"], claim["pid"]) for claim in claims]


def await_that(condition: Callable[[], bool], *, patience_s: float = _PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "It did not come to that."
        time.sleep(0.05)
