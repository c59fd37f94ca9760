import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from cappuccino_assets.errors import IntegrityError, ManifestError
from cappuccino_assets.live.manifest import read_manifest
from cappuccino_assets.live.publish import publish_manifest
from cappuccino_assets.market.intervals import Timeframe
from cappuccino_assets.registry.archive import archive_trials
from cappuccino_assets.registry.gate import decide
from cappuccino_assets.registry.grading import Grade
from cappuccino_assets.registry.limits import DEFAULT_LIMITS
from cappuccino_assets.registry.on_record import decision_key
from cappuccino_assets.registry.selection import ArchiveRule
from cappuccino_assets.storage.files import read_json, write_json
from cappuccino_assets.storage.ledger_rows import LedgerKind, LedgerRow
from cappuccino_assets.storage.locks import exclusive
from cappuccino_assets.storage.trial_ledger import TrialLedger
from tests.registry.findings import SOUND
from tests.registry.trials import content, ingest, leave_trial, leave_trials, refuse, trial_config


def no_bars():
    raise AssertionError("nothing is compared within one campaign")


def publish(warehouse, campaign="c", **options):
    options = {"find_bars": no_bars} | options
    return publish_manifest(warehouse.layout, warehouse, campaign, **options).manifest


def admit_first(warehouse, *, on_record=True):
    """A judge whom the first convinces, and nobody else."""
    sound = replace(SOUND, campaign=replace(SOUND.campaign, n_trials=0))
    decision = decide(sound, DEFAULT_LIMITS)

    def judge(finalists):
        first, *others = finalists
        if on_record:
            TrialLedger(warehouse).append(rows_of(first, decision.to_json()))
        (refused,) = refuse([first])
        said = {"gated": True, "gate_reason": decision.text, "gate": decision.to_json()}
        evidence = refused["evidence"] | {"campaign": sound.campaign.to_json()}
        return [refused | said | {"evidence": evidence}, *refuse(others)]

    return judge


def rows_of(finalist, decision):
    """What the ledger says of one that was judged as the best of no trial."""
    trial = {name: finalist.trial[name] for name in ("campaign", "study_name", "number")}
    opening = {"kind": LedgerKind.HOLDOUT_OPENING, "key": "bars", "outcome": {"vin": finalist.vin}}
    judged = {"kind": LedgerKind.GATE_DECISION, "key": decision_key(finalist.vin, 0, decision)}
    return [LedgerRow(**trial, **opening), LedgerRow(**trial, **judged, outcome=decision)]


def numbers(manifest):
    return [member.trial_number for member in manifest.members]


def test_the_best_trials_of_both_algorithms_become_members(warehouse):
    leave_trials(warehouse, [0.1, 0.5])
    leave_trials(warehouse, [0.3], config=trial_config("ddqn", trailing_stop_pct=0.15))
    manifest = publish(warehouse)
    assert [(each.study_name, each.trial_number, each.score) for each in manifest.members] == [
        ("c/phase2_ppo", 1, 0.5),
        ("c/phase2_ddqn", 0, 0.3),
        ("c/phase2_ppo", 0, 0.1),
    ]
    assert [member.trailing_stop_pct for member in manifest.members] == [0.0, 0.15, 0.0]
    assert (manifest.generation, manifest.previous_generation) == (1, None)
    assert (manifest.study_name, manifest.timeframe, manifest.interval) == ("c", "7d", "1h")
    assert (manifest.admission, {member.gated for member in manifest.members}) == ("paper", {False})
    assert read_manifest(warehouse.layout.manifest) == manifest


def test_incident_24_the_members_are_the_best_of_negative_scores(warehouse):
    leave_trials(warehouse, [-0.9, -0.1, -0.5])
    assert numbers(publish(warehouse, top=2)) == [1, 2]


def test_only_trials_of_the_campaign_that_trade_can_be_members(warehouse):
    leave_trials(warehouse, [0.9], campaign="other")
    leave_trials(warehouse, [0.8], config=trial_config("ddqn"), no_trades=True)
    with pytest.raises(ManifestError, match="No complete trial of 'c' traded"):
        publish(warehouse)
    leave_trials(warehouse, [0.1])
    assert [member.study_name for member in publish(warehouse).members] == ["c/phase2_ppo"]


def test_the_same_members_make_no_new_generation(warehouse):
    leave_trials(warehouse, [0.5, 0.4])
    first = publish(warehouse)
    before = content(warehouse.layout.ensemble)
    assert publish(warehouse) == first
    assert content(warehouse.layout.ensemble) == before


def test_incident_26_generations_count_up_and_are_kept(warehouse):
    leave_trials(warehouse, [0.5])
    first = publish(warehouse)
    leave_trials(warehouse, [0.5, 0.6])
    second = publish(warehouse)
    assert (second.generation, second.previous_generation) == (2, 1)
    assert numbers(second) == [1, 0]
    kept = warehouse.layout.generations
    assert read_manifest(kept / "1.json") == first
    assert read_manifest(kept / "2.json") == second


def test_incident_26_a_generation_is_never_used_again(warehouse):
    leave_trials(warehouse, [0.5])
    publish(warehouse)
    warehouse.layout.manifest.unlink()
    assert publish(warehouse).generation == 2


def test_incident_22_a_member_folder_holds_the_files_of_its_trial(warehouse):
    leave_trials(warehouse, [0.5], campaign="other")
    leave_trials(warehouse, [0.4], config=trial_config(lookback=3))  # number 0 of another study
    (member,) = publish(warehouse).members
    placed = content(warehouse.layout.ensemble / member.path)
    left = content(warehouse.layout.trial("c/phase2_ppo", 0))
    assert placed == {name: left[name] for name in placed}
    assert sorted(placed) == ["actor.safetensors", "contract.json", "hyperparams.json"]


@pytest.mark.parametrize("name", ["actor.safetensors", "contract.json", "hyperparams.json"])
def test_incident_26_nothing_is_published_before_every_member_is_in_place(warehouse, name):
    leave_trials(warehouse, [0.5])
    publish(warehouse)
    before = content(warehouse.layout.generations), warehouse.layout.manifest.read_bytes()
    leave_trials(warehouse, [0.5, 0.7, 0.6])
    (warehouse.layout.trial("c/phase2_ppo", 2) / name).write_bytes(b"{}")
    with pytest.raises((IntegrityError, ManifestError, ValueError)):
        publish(warehouse)
    assert (content(warehouse.layout.generations), warehouse.layout.manifest.read_bytes()) == before


def test_incident_26_a_manifest_that_cannot_be_written_leaves_the_old_one(warehouse):
    leave_trials(warehouse, [0.5])
    old = publish(warehouse)
    leave_trials(warehouse, [0.5, 0.6])
    kept = warehouse.layout.generations
    kept.rename(kept.with_name("aside"))
    kept.write_text("a file where the folder should be")
    with pytest.raises(OSError, match="generations"):
        publish(warehouse)
    assert read_manifest(warehouse.layout.manifest) == old
    kept.unlink()
    kept.with_name("aside").rename(kept)
    assert publish(warehouse).generation == 2


def test_incident_26_a_publisher_killed_before_the_manifest_leaves_the_old_one(warehouse):
    leave_trials(warehouse, [0.5])
    old = publish(warehouse)
    before = warehouse.layout.manifest.read_bytes()
    leave_trials(warehouse, [0.5, 0.6])
    publish(warehouse)
    warehouse.layout.manifest.write_bytes(before)  # members and generation 2 are there, unnamed
    assert read_manifest(warehouse.layout.manifest) == old
    again = publish(warehouse)
    assert (again.generation, again.previous_generation, numbers(again)) == (3, 1, [1, 0])


def test_a_publisher_sees_the_trials_that_came_while_it_waited(warehouse):
    leave_trials(warehouse, [0.5])
    with ThreadPoolExecutor(1) as pool:
        with exclusive(warehouse.layout.publisher_lock):
            waiting = pool.submit(publish, warehouse)
            time.sleep(0.3)
            assert not waiting.done()
            leave_trials(warehouse, [0.5, 0.6])
        assert numbers(waiting.result(timeout=30)) == [1, 0]


def test_incident_26_publishers_at_once_lose_no_generation(warehouse):
    leave_trials(warehouse, [0.5, 0.4, 0.3, 0.2])
    start = Barrier(4)

    def publish_at_once(top):
        start.wait()
        return publish(warehouse, top=top)

    with ThreadPoolExecutor(4) as pool:
        done = sorted(pool.map(publish_at_once, [1, 2, 3, 4]), key=lambda each: each.generation)
    assert [each.generation for each in done] == [1, 2, 3, 4]
    assert [each.previous_generation for each in done] == [None, 1, 2, 3]
    kept = [read_manifest(warehouse.layout.generations / f"{n}.json") for n in (1, 2, 3, 4)]
    assert kept == done
    assert read_manifest(warehouse.layout.manifest) == done[-1]


def test_a_member_folder_that_was_tampered_with_is_refused(warehouse):
    leave_trials(warehouse, [0.5])
    (member,) = publish(warehouse).members
    path = warehouse.layout.ensemble / member.path / "hyperparams.json"
    changed = read_json(path)
    changed["rules"]["trade_fraction"] = 1.0
    write_json(path, changed)
    with pytest.raises(ManifestError, match="two configurations"):
        publish(warehouse)


def archive(warehouse, judge):
    every = ArchiveRule(top_percent=100, minimum_score=0, grades=tuple(Grade))
    return archive_trials(warehouse.layout, warehouse, "c", judge, every)


def gated(manifest):
    return {member.trial_number: member.gated for member in manifest.members}


def test_a_member_is_gated_if_the_archive_says_so_of_that_very_model(warehouse):
    leave_trials(warehouse, [0.5, 0.4])
    assert gated(publish(warehouse)) == {0: False, 1: False}
    archive(warehouse, admit_first(warehouse))
    published = publish(warehouse)
    assert gated(published) == {0: True, 1: False}
    assert published.generation == 2
    leave_trials(warehouse, [0.5, 0.4], config=trial_config("ddqn"))  # same numbers, other study
    ddqn, ppo = sorted(publish(warehouse).members, key=lambda each: each.study_name)[::2]
    assert (ddqn.study_name, ddqn.gated) == ("c/phase2_ddqn", False)
    assert (ppo.study_name, ppo.gated) == ("c/phase2_ppo", True)


def test_an_entry_whose_decision_is_not_on_record_proves_nothing(warehouse):
    leave_trials(warehouse, [0.5])
    archive(warehouse, admit_first(warehouse, on_record=False))
    assert gated(publish(warehouse)) == {0: False}


def test_the_same_weights_of_another_trial_are_not_gated(warehouse):
    leave_trials(warehouse, [0.5], seed=7)
    (entry,) = archive(warehouse, admit_first(warehouse))
    leave_trials(warehouse, [0.5, 0.4], seed=7)
    members = publish(warehouse).members
    assert {member.sha256 for member in members} == {entry.metadata["model_sha256"]}
    assert gated(publish(warehouse)) == {0: True, 1: False}


def test_an_entry_that_does_not_verify_proves_nothing(warehouse):
    leave_trials(warehouse, [0.5])
    (entry,) = archive(warehouse, admit_first(warehouse))
    (entry.path / "returns.parquet").write_bytes(b"")
    assert gated(publish(warehouse)) == {0: False}


def test_members_of_two_markets_are_refused(warehouse):
    leave_trials(warehouse, [0.5])
    longer = trial_config("ddqn", timeframe=Timeframe.D10)
    ingest(warehouse, [leave_trial(warehouse.layout, 0, 0.4, config=longer)])
    with pytest.raises(ManifestError, match="different markets"):
        publish(warehouse)
    assert not warehouse.layout.manifest.exists()


def test_a_damaged_manifest_is_not_replaced_in_silence(warehouse):
    leave_trials(warehouse, [0.5])
    publish(warehouse)
    warehouse.layout.manifest.write_text("{")
    with pytest.raises(ManifestError, match="not a JSON file"):
        publish(warehouse)
