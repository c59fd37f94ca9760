"""A server that goes away for a moment, and clocks that differ, change nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.study_database import reading
from cappuccino_assets.tuning.progress import Progress
from cappuccino_assets.tuning.studies import study_storage
from cappuccino_assets.tuning.workers import run_studies
from tests.tuning.test_joining import ignore, scores_of, stored_plan

_CUT = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
)


def test_incident_37_a_server_that_cuts_all_connections_is_waited_for(
    server: WarehouseLayout, tmp_path: Path
) -> None:
    alone = WarehouseLayout(root=tmp_path / "alone")
    run_studies([stored_plan(alone, n_trials=4)], n_workers=1, layout=alone, on_progress=ignore)
    assert server.studies_url is not None
    engine, cut = create_engine(server.studies_url), list[int]()

    def cut_once(progress: Progress) -> None:
        if progress.n_done and not cut:
            with engine.connect() as connection:
                cut.append(connection.execute(_CUT).scalar_one())

    plan = stored_plan(server, n_trials=4)
    run_studies([plan], n_workers=1, layout=server, on_progress=cut_once)
    engine.dispose()

    assert cut[0] >= 1
    assert scores_of(plan, server) == scores_of(stored_plan(alone, n_trials=4), alone)


def test_signs_of_life_know_one_time_zone(
    server: WarehouseLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTZ", "America/New_York")
    with study_storage(server) as storage, storage.engine.connect() as connection:
        assert connection.execute(text("SHOW timezone")).scalar_one() == "UTC"
    with reading(server) as connection:
        assert connection is not None
        assert connection.execute(text("SHOW timezone")).scalar_one() == "UTC"


def test_a_layout_does_not_show_passwords() -> None:
    layout = WarehouseLayout(root=Path("here"), studies_url="postgresql+psycopg2://me:hunter2@db/x")
    assert "hunter2" not in repr(replace(layout, artifacts_url="ftp://me:hunter2@host"))
