"""Whoever joins a study does what the others do."""

import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cappuccino_assets.errors import ConfigurationError, WarehouseError
from cappuccino_assets.features.arrays import save_arrays
from cappuccino_assets.market.intervals import Interval, Timeframe
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.interrupts import interrupts_noted
from cappuccino_assets.tuning.plan_json import plan_from_json, plan_to_json
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.profiles import FULL, MEDIUM, MINI, Profile
from cappuccino_assets.tuning.progress import Progress
from cappuccino_assets.tuning.ranges import search_space
from cappuccino_assets.tuning.records import trial_records
from cappuccino_assets.tuning.results import collect
from cappuccino_assets.tuning.studies import open_study, publish_plan, study_storage
from cappuccino_assets.tuning.workers import join_studies, run_studies
from tests.tuning.small import small_arrays, small_plan


def stored_plan(layout: WarehouseLayout, **changes: object) -> StudyPlan:
    arrays = small_arrays(drift=0.005)
    plan = replace(small_plan(arrays), **changes)  # type: ignore[arg-type]
    return replace(plan, arrays=save_arrays(layout.features, arrays))


def ignore(progress: Progress) -> None:
    pass


def scores_of(plan: StudyPlan, layout: WarehouseLayout) -> list[float | None]:
    with study_storage(layout) as storage:
        return [record["value"] for record in trial_records([plan], storage)]


@pytest.mark.parametrize("name", ["small", "small/phase1_ppo"])
def test_who_joins_a_study_by_name_tries_what_others_would_have_tried(
    tmp_path: Path, name: str
) -> None:
    alone, joined = (WarehouseLayout(root=tmp_path / each) for each in ("alone", "joined"))
    run_studies([stored_plan(alone)], n_workers=1, layout=alone, on_progress=ignore)
    plan = stored_plan(joined)
    with study_storage(joined) as storage:
        publish_plan(plan, storage, joined)
    told: list[Progress] = []

    to_come = join_studies(name, n_workers=1, layout=joined, on_progress=told.append)

    assert to_come == (name == "small")  # its campaign has two studies of phase 2 besides
    assert scores_of(plan, joined) == scores_of(plan, alone)
    assert [each.n_done for each in told][-1] == plan.n_trials
    assert told[-1].n_workers == 1
    assert told[-1].memory_mb > 100
    (log,) = joined.worker_logs.iterdir()
    assert "small/phase1_ppo 1: complete, score" in log.read_text()


def test_what_was_not_begun_cannot_be_joined(tmp_path: Path) -> None:
    layout = WarehouseLayout(root=tmp_path)
    with pytest.raises(WarehouseError, match="No study of other was begun: there is none at all"):
        join_studies("other", n_workers=1, layout=layout, on_progress=ignore)
    with study_storage(layout) as storage:
        publish_plan(stored_plan(layout), storage, layout)
    with pytest.raises(WarehouseError, match="there are small/phase1_ppo"):
        join_studies("smal", n_workers=1, layout=layout, on_progress=ignore)


def test_a_search_of_other_releases_is_not_joined(tmp_path: Path) -> None:
    layout = WarehouseLayout(root=tmp_path)
    plan = stored_plan(layout)
    with study_storage(layout) as storage:
        study = publish_plan(plan, storage, layout)
        study.set_user_attr("code", study.user_attrs["code"] | {"numpy": "1.26.0"})
        with pytest.raises(ConfigurationError, match=r"run with numpy 1\.26\.0, but here it is 2"):
            join_studies("small", n_workers=1, layout=layout, on_progress=ignore)
        assert not open_study(plan, storage).trials


def test_what_a_try_left_whose_result_was_dropped_is_replaced_by_what_counts(
    tmp_path: Path,
) -> None:
    layout = WarehouseLayout(root=tmp_path / "here", artifacts_url=(tmp_path / "shared").as_uri())
    plan = stored_plan(layout)
    run_studies([plan], n_workers=1, layout=layout, on_progress=ignore)
    path = layout.trial(plan.study_name, 0) / "trial.json"
    counted = path.read_text()
    path.write_text(json.dumps(json.loads(counted) | {"score": 99.0}))

    rows = collect(Warehouse(layout), [plan])

    assert path.read_text() == counted
    assert [row["score"] for row in rows] == scores_of(plan, layout)


def test_results_are_not_left_where_nobody_looks_for_them(tmp_path: Path) -> None:
    place = tmp_path / "shared"
    layout = WarehouseLayout(root=tmp_path / "here", artifacts_url=place.as_uri())
    plan = stored_plan(layout)
    with study_storage(layout) as storage:
        publish_plan(plan, storage, layout)
    unset = replace(layout, artifacts_url=None)
    with pytest.raises(ConfigurationError, match="set CAPPUCCINO_ARTIFACTS_URL"):
        join_studies("small", n_workers=1, layout=unset, on_progress=ignore)
    with pytest.raises(WarehouseError, match="mounted here"):  # it is empty: another place
        join_studies("small", n_workers=1, layout=layout, on_progress=ignore)


def test_without_its_arrays_a_study_cannot_be_joined(tmp_path: Path) -> None:
    layout = WarehouseLayout(root=tmp_path)
    plan = stored_plan(layout)
    with study_storage(layout) as storage:
        publish_plan(plan, storage, layout)
    plan.arrays.rename(tmp_path / "elsewhere")
    with pytest.raises(WarehouseError, match="are not at the place"):
        join_studies("small", n_workers=1, layout=layout, on_progress=ignore)


@pytest.mark.parametrize("profile", [MINI, MEDIUM, FULL])
@pytest.mark.parametrize(("phase", "algorithm"), [(1, "ppo"), (2, "ppo"), (2, "ddqn")])
def test_a_plan_is_read_as_it_was_written_into_any_warehouse(
    tmp_path: Path, profile: Profile, phase: int, algorithm: str
) -> None:
    here, there = (WarehouseLayout(root=tmp_path / each) for each in ("here", "there"))
    plan = replace(
        small_plan(small_arrays(10)),
        profile=profile,
        space=search_space(phase=phase, algorithm=algorithm, ranges=profile.ranges),
        timeframe=Timeframe.D7,
        interval=Interval.M15,
        arrays=here.features / "15m" / "abc",
    )

    text = json.dumps(plan_to_json(plan, here))
    read = plan_from_json(json.loads(text), there)

    assert read == replace(plan, arrays=there.features / "15m" / "abc")
    assert json.dumps(plan_to_json(read, there)) == text


def test_a_plan_of_another_version_is_refused(tmp_path: Path) -> None:
    layout = WarehouseLayout(root=tmp_path)
    value = plan_to_json(small_plan(small_arrays(10)), layout)
    with pytest.raises(ConfigurationError, match="another version of the package"):
        plan_from_json(value | {"n_gpus": 4}, layout)
    for wrong in ({"arrays": "features/../../etc"}, {"interval": "7h"}, {"timeframe": None}):
        with pytest.raises(ConfigurationError, match="another version of the package"):
            plan_from_json(value | wrong, layout)
    value["space"]["parameters"][0]["distribution"] = {"kind": "Normal"}
    with pytest.raises(ConfigurationError, match="A range is one of"):
        plan_from_json(value, layout)


@pytest.fixture
def listening() -> Iterator[None]:
    """Ctrl+C is heard, even where whoever started the tests has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
def test_an_interrupt_is_raised_where_it_may_be() -> None:
    with interrupts_noted() as heed:
        heed()
        signal.raise_signal(signal.SIGINT)  # nothing happens, for the time being
        with pytest.raises(KeyboardInterrupt):
            heed()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("listening")
def test_who_listens_to_interrupts_already_is_left_alone() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupts_noted() as heed:
        signal.raise_signal(signal.SIGINT)
        heed()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
