"""Dagster keeps its history on PostgreSQL where it is told to by URL."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import yaml
from sqlalchemy import create_engine, text

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "deploy" / "postgres" / "dagster.yaml"
SELECTION = "raw_bars,feature_arrays"


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    pytest.importorskip("dagster_postgres", reason="the extra `postgres` is not installed")
    return new_database()


@pytest.fixture
def environment(url: str, tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(CONFIG, home)
    return os.environ | {
        "DAGSTER_HOME": str(home),
        "DAGSTER_POSTGRES_URL": url,
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "CAPPUCCINO_WAREHOUSE": str(tmp_path / "warehouse"),
        "PYTHONPATH": str(ROOT),
    }


def run(*command: str, environment: dict[str, str], folder: Path) -> str:
    """Run a command of Dagster in a folder of its own, where relative paths end."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dagster")), *command],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_it_differs_from_the_one_of_a_single_machine_in_the_storage_only() -> None:
    single, several = (yaml.safe_load(p.read_text()) for p in (ROOT / "dagster.yaml", CONFIG))
    assert several.pop("storage") == {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}}
    single.pop("storage")
    assert several == single


@pytest.mark.slow
def test_a_run_and_its_events_are_seen_from_elsewhere(
    url: str, environment: dict[str, str], tmp_path: Path
) -> None:
    place = {"environment": environment, "folder": tmp_path}
    run("instance", "migrate", **place)
    module = ("-m", "cappuccino_assets.definitions")
    run("asset", "materialize", *module, "--select", SELECTION, **place)
    assert "__ASSET_JOB" in run("run", "list", **place)
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT status FROM runs")).scalars().all() == ["SUCCESS"]
        made = connection.execute(
            text("SELECT asset_key FROM event_logs WHERE dagster_event_type = :made"),
            {"made": dg.DagsterEventType.ASSET_MATERIALIZATION.value},
        )
        assert {'["raw_bars"]', '["feature_arrays"]'} == {*made.scalars()}
    engine.dispose()
    assert list(tmp_path.rglob("runs.db")) == [], list(tmp_path.rglob("*"))[:40]
