import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.registry.archive import archive_trials, record_archive, verify_archive
from cappuccino_assets.registry.entries import entries_in, verify_entry
from cappuccino_assets.registry.grading import Grade, GradeThresholds
from cappuccino_assets.registry.selection import ArchiveRule
from cappuccino_assets.registry.vin import parse, render
from cappuccino_assets.storage.files import read_json, sha256_of_file, write_json
from cappuccino_assets.storage.locks import exclusive
from cappuccino_assets.storage.warehouse import Warehouse
from tests.registry.trials import content, ingest, leave_trial, leave_trials, refuse, trial_config

ALL = ArchiveRule(top_percent=100, minimum_score=-10, grades=tuple(Grade))


def archive(warehouse, rule=ALL, campaign="c"):
    return archive_trials(warehouse.layout, warehouse, campaign, refuse, rule)


@pytest.fixture
def entry(warehouse):
    leave_trials(warehouse, [0.25])
    return archive(warehouse)[0]


def test_an_entry_is_whole(warehouse, entry):
    assert entry.path.parent == warehouse.layout.archive
    assert sorted(path.name for path in entry.path.iterdir()) == [
        "actor.safetensors",
        "checksums.json",
        "contract.json",
        "hyperparams.json",
        "metadata.json",
        "returns.parquet",
    ]
    metadata = entry.metadata
    assert metadata["vin"] == entry.vin
    assert (metadata["study_name"], metadata["number"]) == ("c/phase2_ppo", 0)
    assert (metadata["score"], metadata["grade"], metadata["dataset_digest"]) == (0.25, "A", "d1")
    assert metadata["grade_thresholds"] == {"S": 0.3, "A": 0.2, "B": 0.15, "C": 0.1, "D": 0.05}
    assert metadata["gated"] is False
    assert "none was trained" in metadata["gate_reason"]
    assert metadata["below_threshold"] is False
    assert len(metadata["splits"]) == 2
    assert verify_entry(entry.path).metadata == read_json(entry.path / "metadata.json")


def test_incident_12_the_code_is_rendered_from_the_typed_configuration(entry):
    serial = entry.metadata["model_sha256"][:6]
    assert entry.vin == f"PPO-A-N16B4K-L2.5E5G98.5-LB2TD20-20260214-{serial}"
    assert render(parse(entry.vin)) == entry.vin


def test_the_models_kind_and_grade_are_in_the_code(warehouse):
    leave_trials(warehouse, [-0.4], config=trial_config("ddqn", lookback=3))
    (entry,) = archive(warehouse)
    assert entry.vin.startswith("DDQN-F-N16B4K-L2.5E5G98.5-LB3TD20-20260214-")


def test_archiving_twice_changes_nothing(warehouse):
    leave_trials(warehouse, [0.5, 0.4])
    first = archive(warehouse)
    before = content(warehouse.layout.archive)
    assert [entry.vin for entry in archive(warehouse)] == [entry.vin for entry in first]
    assert content(warehouse.layout.archive) == before


def test_a_model_has_one_entry_even_when_the_grades_are_moved(warehouse, entry):
    strict = GradeThresholds(s=9, a=8, b=7, c=6, d=5)
    (again,) = archive(
        warehouse,
        ArchiveRule(top_percent=100, minimum_score=-10, grades=tuple(Grade), thresholds=strict),
    )
    assert again.vin == entry.vin
    assert len(list(entries_in(warehouse.layout.archive))) == 1


def test_the_registry_is_exported_from_the_warehouse(warehouse):
    leave_trials(warehouse, [-0.4, 0.35, 0.25])
    archive(warehouse)
    registry = read_json(warehouse.layout.trial_registry)
    rows = warehouse.query("archive_entries").to_dicts()
    assert [(row["score"], row["grade"]) for row in registry["entries"]] == [
        (0.35, "S"),
        (0.25, "A"),
        (-0.4, "F"),
    ]
    assert [row["vin"] for row in registry["entries"]] == [row["vin"] for row in rows]


def test_the_default_rule_keeps_good_grades_only(warehouse):
    leave_trials(warehouse, [0.19, 0.05])
    assert archive(warehouse, ArchiveRule()) == []
    assert read_json(warehouse.layout.trial_registry) == {"entries": []}


def test_incident_24_the_best_of_losing_trials_is_marked(warehouse):
    leave_trials(warehouse, [-0.9, -0.1, -0.5])
    (entry,) = archive(warehouse, ArchiveRule(keep_best=True))
    assert (entry.metadata["number"], entry.metadata["below_threshold"]) == (1, True)
    assert entry.metadata["grade"] == "F"


@pytest.mark.parametrize(
    ("score", "below", "admitted_as"),
    [(0.25, False, "rule"), (0.16, False, "kept_for_show"), (-0.1, True, "kept_for_show")],
)
def test_an_entry_says_why_it_was_admitted(warehouse, score, below, admitted_as):
    leave_trials(warehouse, [score])
    (entry,) = archive(warehouse, ArchiveRule(keep_best=True))
    stated = (entry.metadata["below_threshold"], entry.metadata["admitted_as"])
    assert stated == (below, admitted_as)
    (exported,) = read_json(warehouse.layout.trial_registry)["entries"]
    (shown,) = warehouse.query("campaign_archive", {"campaign": "c"}).to_dicts()
    assert exported["admitted_as"] == shown["admitted_as"] == admitted_as


def test_a_trial_that_did_not_trade_is_never_archived(warehouse):
    leave_trials(warehouse, [0.9], no_trades=True)
    assert archive(warehouse, ArchiveRule(keep_best=True)) == []


def test_only_the_named_campaign_is_archived(warehouse):
    leave_trials(warehouse, [0.5], campaign="other")
    assert archive(warehouse) == []


def test_incident_19_two_models_of_one_day_have_two_codes(warehouse):
    leave_trials(warehouse, [0.25, 0.25])
    first, second = archive(warehouse)
    assert first.vin[:-6] == second.vin[:-6]
    assert first.vin != second.vin


def test_incident_19_a_code_that_is_taken_is_not_overwritten(warehouse, entry):
    before = content(entry.path)
    ingest(warehouse, [leave_trial(warehouse.layout, 1, 0.25, seed=0)])  # the same weights again
    with pytest.raises(IntegrityError, match="already names trial 0 of 'c/phase2_ppo'"):
        archive(warehouse)
    assert content(entry.path) == before


def test_incident_21_trials_with_one_number_have_their_own_entries(warehouse):
    leave_trials(warehouse, [0.5])
    leave_trials(warehouse, [0.4], config=trial_config("ddqn"))
    assert [entry.identity for entry in archive(warehouse)] == [
        ("c/phase2_ppo", 0),
        ("c/phase2_ddqn", 0),
    ]


@pytest.mark.parametrize("name", ["actor.safetensors", "contract.json", "hyperparams.json"])
def test_incident_20_a_trial_without_a_whole_model_leaves_no_entry(warehouse, name):
    leave_trials(warehouse, [0.5])
    (warehouse.layout.trial("c/phase2_ppo", 0) / name).unlink()
    with pytest.raises(IntegrityError, match=name):
        archive(warehouse)
    assert content(warehouse.layout.archive) == {}


def test_incident_20_a_damaged_trial_is_refused_before_any_is_judged(warehouse):
    leave_trials(warehouse, [0.5, 0.4])
    weights = warehouse.layout.trial("c/phase2_ppo", 1) / "actor.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(b"damaged")
    with pytest.raises(IntegrityError, match="is on record"):
        archive(warehouse)
    assert content(warehouse.layout.archive) == {}
    weights.write_bytes(whole)
    assert len(archive(warehouse)) == 2


def test_an_archive_that_cannot_be_written_leaves_the_old_state(warehouse):
    leave_trials(warehouse, [0.5])
    warehouse.layout.archive.write_text("a file where the folder should be")
    with pytest.raises(FileExistsError):
        archive(warehouse)
    warehouse.layout.archive.unlink()
    assert len(archive(warehouse)) == 1


def test_what_a_killed_writer_left_is_passed_over(warehouse, entry):
    (warehouse.layout.archive / f".{entry.vin}.x1y2.tmp").mkdir()
    assert [each.vin for each in verify_archive(warehouse.layout, warehouse)] == [entry.vin]


@pytest.mark.parametrize(
    "name", ["actor.safetensors", "contract.json", "hyperparams.json", "metadata.json"]
)
def test_incident_20_an_entry_with_a_changed_file_is_refused(entry, name):
    data = bytearray((entry.path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (entry.path / name).write_bytes(data)
    with pytest.raises(IntegrityError, match=name):
        verify_entry(entry.path)


@pytest.mark.parametrize(
    "name", ["actor.safetensors", "checksums.json", "hyperparams.json", "metadata.json"]
)
def test_incident_20_an_entry_that_lacks_a_file_is_refused(entry, name):
    (entry.path / name).unlink()
    with pytest.raises(IntegrityError, match=f"at fault is '{name}'"):
        verify_entry(entry.path)


def test_an_entry_with_a_foreign_file_is_refused(entry):
    (entry.path / "weights.pth").touch()
    with pytest.raises(IntegrityError, match=r"at fault is 'weights\.pth'"):
        verify_entry(entry.path)


def test_an_entry_with_a_link_is_refused(entry, tmp_path):
    (entry.path / "contract.json").rename(tmp_path / "contract.json")
    (entry.path / "contract.json").symlink_to(tmp_path / "contract.json")
    with pytest.raises(IntegrityError, match=r"at fault is 'contract\.json'"):
        verify_entry(entry.path)


def test_an_entry_under_another_code_is_refused(entry):
    renamed = entry.path.with_name(entry.vin.replace("PPO-A", "PPO-S"))
    entry.path.rename(renamed)
    with pytest.raises(IntegrityError, match="is named PPO-S"):
        verify_entry(renamed)


def test_a_code_that_its_configuration_does_not_give_is_refused(entry):
    promoted = entry.metadata | {"grade": "S", "score": 0.5}
    write_json(entry.path / "metadata.json", promoted)
    resum(entry.path)
    with pytest.raises(IntegrityError, match="but the model in it is PPO-S"):
        verify_entry(entry.path)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"score": 9.9}, "grade is A, but a score of 9.9 gives S"),
        ({"grade_thresholds": {"S": 0.2}}, "Thresholds are those of S to D"),
        ({"grade_thresholds": [0.3]}, "Thresholds are those of S to D"),
        ({"score": None}, "must be real number"),
        ({"below_threshold": True}, "below_threshold is True, but a score of 0.25 gives False"),
        ({"admitted_as": "friend"}, "admitted_as cannot be 'friend'"),
    ],
)
def test_a_grade_that_is_not_of_the_score_is_refused(entry, changes, fault):
    write_json(entry.path / "metadata.json", entry.metadata | changes)
    resum(entry.path)
    with pytest.raises(IntegrityError, match=rf"metadata\.json: .*{fault}"):
        verify_entry(entry.path)


@pytest.mark.parametrize(
    ("field", "value", "stored"), [("score", 0.29, 0.25), ("sharpe_bot", 4.0, 0.75)]
)
def test_incident_20_an_entry_with_new_checksums_is_held_against_the_warehouse(
    warehouse, entry, field, value, stored
):
    write_json(entry.path / "metadata.json", entry.metadata | {field: value})
    resum(entry.path)
    registry = warehouse.layout.trial_registry.read_bytes()
    fault = f"{entry.vin} says that {field} is {value}, but the warehouse says {stored}"
    with pytest.raises(IntegrityError, match=fault):
        archive(warehouse)
    (row,) = warehouse.query("archive_entries").to_dicts()
    assert row[field] == stored
    assert warehouse.layout.trial_registry.read_bytes() == registry


@pytest.mark.parametrize("text", ["[]", "5", "null", "{"])
@pytest.mark.parametrize("name", ["checksums.json", "metadata.json"])
def test_an_entry_with_a_file_of_another_form_is_refused(entry, name, text):
    (entry.path / name).write_text(text)
    if name == "metadata.json":
        resum(entry.path)
    with pytest.raises(IntegrityError, match=name.replace(".", r"\.")):
        verify_entry(entry.path)


def test_an_archivist_sees_the_trials_that_came_while_it_waited(warehouse):
    leave_trials(warehouse, [0.5])
    with ThreadPoolExecutor(1) as pool:
        with exclusive(warehouse.layout.archive_lock):
            waiting = pool.submit(archive, warehouse)
            time.sleep(0.3)
            assert not waiting.done()
            leave_trials(warehouse, [0.5, 0.4])
        entries = waiting.result(timeout=30)
    assert [entry.metadata["number"] for entry in entries] == [0, 1]


def test_archivists_at_once_lose_nothing(warehouse):
    leave_trials(warehouse, [0.5])
    leave_trials(warehouse, [0.4], config=trial_config("ddqn"), campaign="other")
    start = Barrier(4)

    def archive_at_once(campaign):
        start.wait()
        return archive(warehouse, campaign=campaign)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(archive_at_once, ["c", "other", "c", "other"]))
    assert [len(entries) for entries in done] == [1, 1, 1, 1]
    assert len(verify_archive(warehouse.layout, warehouse)) == 2
    assert len(read_json(warehouse.layout.trial_registry)["entries"]) == 2


def resum(path):
    checksums = json.loads((path / "checksums.json").read_text())
    write_json(path / "checksums.json", {name: sha256_of_file(path / name) for name in checksums})


def test_the_warehouse_is_rebuilt_from_the_entries(warehouse, tmp_path):
    leave_trials(warehouse, [0.5, 0.4])
    archive(warehouse)
    registry = warehouse.layout.trial_registry.read_bytes()
    for database in (warehouse.layout.database, warehouse.layout.writer_database):
        database.unlink()
    rebuilt = Warehouse(warehouse.layout)
    assert len(record_archive(warehouse.layout, rebuilt)) == 2
    assert warehouse.layout.trial_registry.read_bytes() == registry
    assert len(verify_archive(warehouse.layout, rebuilt)) == 2


def test_disk_and_warehouse_must_hold_the_same_entries(warehouse, entry):
    entry.path.rename(warehouse.layout.root / "elsewhere")
    with pytest.raises(IntegrityError, match=f"disagree on the archive entry {entry.vin}"):
        verify_archive(warehouse.layout, warehouse)
