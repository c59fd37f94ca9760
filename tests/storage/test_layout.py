from pathlib import Path

import pytest

from cappuccino_assets.storage.layout import WarehouseLayout

LAYOUT = WarehouseLayout(root=Path("/w"))


def test_incident_21_a_number_alone_names_no_folder():
    ppo, ddqn = LAYOUT.trial("first/phase2_ppo", 7), LAYOUT.trial("first/phase2_ddqn", 7)
    assert ppo == Path("/w/trials/first/phase2_ppo/00007")
    assert ddqn == Path("/w/trials/first/phase2_ddqn/00007")


@pytest.mark.parametrize("name", ["../archive", "/etc", "a//b", "a/./b", "", "a/.."])
def test_a_study_name_cannot_lead_out_of_the_trials(name):
    with pytest.raises(ValueError, match="No folder"):
        LAYOUT.trial(name, 0)


def test_a_trial_number_is_not_negative():
    with pytest.raises(ValueError, match="trial -1"):
        LAYOUT.trial("study", -1)


def test_readers_and_the_writer_have_different_files():
    assert LAYOUT.database == Path("/w/cappuccino.duckdb")
    assert LAYOUT.writer_database == Path("/w/.writer/cappuccino.duckdb")


def test_every_path_lies_in_the_warehouse():
    properties = [name for name, it in vars(WarehouseLayout).items() if isinstance(it, property)]
    assert len(properties) > 10
    assert all(getattr(LAYOUT, name).is_relative_to("/w") for name in properties)
