"""The Dagster instance of this repository, opened from any folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import dagster as dg
from dagster._core.instance.config import is_dagster_home_set
from dagster._core.instance.ref import InstanceRef
from filelock import FileLock
from sqlalchemy.exc import DatabaseError

from cappuccino_assets.errors import ConfigurationError, WarehouseError
from cappuccino_assets.settings import REPOSITORY_ROOT, current_settings

_HISTORY: Final = Path("warehouse", "dagster")


def open_instance(root: Path = REPOSITORY_ROOT) -> dg.DagsterInstance:
    """Open the instance that `dagster` commands use when started in the repository root.

    The folders in dagster.yaml are relative to the working directory; here they are made absolute.
    Processes that start together on a new instance would corrupt it, so one at a time opens it.

    Args:
        root: Folder of dagster.yaml. Where DAGSTER_HOME is set, that instance is opened instead.

    Raises:
        ConfigurationError: If there is no dagster.yaml.
    """
    if is_dagster_home_set():
        return dg.DagsterInstance.get()
    if not (root / "dagster.yaml").is_file():
        raise ConfigurationError(f"{root} has no dagster.yaml: run from a clone of the repository.")
    history = root / _HISTORY
    history.mkdir(parents=True, exist_ok=True)
    with FileLock(history / ".lock", timeout=60):
        instance = dg.DagsterInstance.from_ref(
            InstanceRef.from_dir(str(root), overrides=_absolute_folders(history))
        )
        _touch_databases(instance)
    return instance


@contextmanager
def database_faults() -> Iterator[None]:
    """Say what to do where the history of runs, or the studies, cannot be used.

    Raises:
        WarehouseError: If a database refuses inside the body.
    """
    from optuna.exceptions import StorageInternalError  # loads Optuna

    try:
        yield
    except (DatabaseError, StorageInternalError) as error:
        cause = error.orig if isinstance(error, DatabaseError) else error.__cause__
        raise WarehouseError(
            f"The databases of runs and studies cannot be used: {cause}. See that the disks "
            f"of {REPOSITORY_ROOT} and {current_settings().warehouse} have room and can be "
            "written; then run the same command again."
        ) from error


def _absolute_folders(history: Path) -> dict[str, object]:
    return {
        "storage": {"sqlite": {"base_dir": str(history / "storage")}},
        "local_artifact_storage": {
            "module": "dagster._core.storage.root",
            "class": "LocalArtifactStorage",
            "config": {"base_dir": str(history)},
        },
        "compute_logs": {
            "module": "cappuccino_assets.cli.step_logs",
            "class": "StepLogs",
            "config": {"base_dir": str(history / "compute_logs")},
        },
    }


def _touch_databases(instance: dg.DagsterInstance) -> None:
    """Make the tables of runs, events and schedules, which are otherwise made at first use."""
    instance.get_runs_count()
    instance.all_asset_keys()
    instance.all_instigator_state()


if __name__ == "__main__":
    open_instance().dispose()
