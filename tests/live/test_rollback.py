"""The way back to an earlier ensemble."""

import pytest

from cappuccino_assets.errors import ManifestError
from cappuccino_assets.live.ensemble import Ensemble
from cappuccino_assets.live.manifest import read_manifest
from cappuccino_assets.live.rollback import roll_back
from tests.live.campaigns import publish
from tests.registry.trials import content, leave_trials


@pytest.fixture
def three(warehouse):
    """Three generations, each with one member more than the one before."""
    for scores in ([0.3], [0.3, 0.4], [0.3, 0.4, 0.5]):
        leave_trials(warehouse, scores)
        publish(warehouse, "c", find_bars=None)
    return warehouse


def generation(warehouse, number):
    return read_manifest(warehouse.layout.generations / f"{number}.json")


def numbers(manifest):
    return [member.trial_number for member in manifest.members]


def test_incident_25_a_roll_back_restores_exactly_the_members_of_before(three):
    kept = content(three.layout.generations)
    restored = roll_back(three.layout)
    assert restored.members == generation(three, 2).members
    assert (restored.generation, restored.previous_generation, restored.restores) == (4, 3, 2)
    assert read_manifest(three.layout.manifest) == generation(three, 4) == restored
    assert content(three.layout.generations).items() >= kept.items()
    assert len(Ensemble.load(three.layout.manifest).models) == 2


def test_incident_25_the_next_roll_back_goes_further_and_not_back_again(three):
    assert numbers(roll_back(three.layout)) == [1, 0]
    restored = roll_back(three.layout)
    assert numbers(restored) == [0]
    left = {generation(three, number).member_set for number in (2, 3)}
    assert set(restored.rejected) == left
    with pytest.raises(ManifestError, match="nothing to go back to"):
        roll_back(three.layout)
    assert read_manifest(three.layout.manifest) == restored


def test_incident_25_what_was_rolled_back_from_is_not_published_again(three):
    restored = roll_back(three.layout)
    published = publish(three, "c", find_bars=None)
    assert published.manifest == restored
    assert "were rolled back from" in published.remark


def test_incident_25_other_best_trials_are_published_after_a_roll_back(three):
    rejected = roll_back(three.layout).rejected
    leave_trials(three, [0.3, 0.4, 0.5, 0.6])
    published = publish(three, "c", find_bars=None).manifest
    assert (published.generation, numbers(published)) == (5, [3, 2, 1, 0])
    assert published.rejected == rejected
    assert published.restores is None


def test_incident_25_a_named_generation_is_restored_even_if_it_was_left_before(three):
    assert numbers(roll_back(three.layout, to=1)) == [0]
    restored = roll_back(three.layout, to=3)
    assert (restored.generation, numbers(restored)) == (5, [2, 1, 0])
    assert restored.rejected == (generation(three, 1).member_set,)


@pytest.mark.parametrize(
    ("to", "reason"),
    [(3, "3 is in force"), (4, r"No generation 4 was in force .* \[1, 2\]"), (0, "No generation")],
)
def test_incident_25_a_generation_that_was_not_there_before_is_refused(three, to, reason):
    with pytest.raises(ManifestError, match=reason):
        roll_back(three.layout, to=to)


def test_incident_25_a_generation_that_never_came_into_force_is_not_restored(three):
    second = generation(three, 2)
    (three.layout.ensemble / "ensemble_manifest.json").write_bytes(
        (three.layout.generations / "2.json").read_bytes()
    )  # whoever published 3 died before the manifest
    leave_trials(three, [0.3, 0.4, 0.5, 0.6])
    publish(three, "c", find_bars=None)
    assert roll_back(three.layout).members == second.members
    with pytest.raises(ManifestError, match="No generation 3"):
        roll_back(three.layout, to=3)


def test_members_that_are_in_force_are_not_restored_again(three):
    roll_back(three.layout)
    with pytest.raises(ManifestError, match="members of generation 2 are in force"):
        roll_back(three.layout, to=2)


@pytest.mark.parametrize("name", ["actor.safetensors", "contract.json", "hyperparams.json"])
@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_incident_25_members_that_are_not_what_was_published_are_named(three, name, harm):
    before = three.layout.manifest.read_bytes(), content(three.layout.generations)
    members = generation(three, 2).members
    for member in members:
        path = three.layout.ensemble / member.path / name
        path.unlink() if harm == "missing" else path.write_bytes(b"{}")
    with pytest.raises(ManifestError, match="2 of its 2 members") as refusal:
        roll_back(three.layout)
    assert all(member.vin in str(refusal.value) for member in members)
    assert (three.layout.manifest.read_bytes(), content(three.layout.generations)) == before


def test_incident_25_there_is_no_way_back_before_the_second_generation(warehouse):
    with pytest.raises(ManifestError, match="nothing was published"):
        roll_back(warehouse.layout)
    leave_trials(warehouse, [0.3])
    publish(warehouse, "c", find_bars=None)
    with pytest.raises(ManifestError, match="nothing to go back to"):
        roll_back(warehouse.layout)
    with pytest.raises(ManifestError, match="there are none"):
        roll_back(warehouse.layout, to=7)


def test_a_damaged_generation_is_no_way_back(three):
    (three.layout.generations / "2.json").write_text("{}")
    with pytest.raises(ManifestError, match=r"2\.json"):
        roll_back(three.layout)
