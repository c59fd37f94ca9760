from dataclasses import replace

import pytest

from cappuccino_assets.errors import ManifestError
from cappuccino_assets.live.comparison import Comparison, Contender
from cappuccino_assets.live.manifest import Manifest, Member, market_contract, read_manifest
from cappuccino_assets.market.intervals import Timeframe
from cappuccino_assets.storage.files import canonical_json, read_json, sha256_of, write_json
from tests.registry.trials import model_contract, trial_config


def member(number, score):
    sha256 = f"{number:02x}" * 32
    return Member(
        vin=f"PPO-A-N16B4K-L2.5E5G98.5-LB2TD20-20260214-{sha256[:6]}",
        study_name="c/phase2_ppo",
        trial_number=number,
        score=score,
        path=f"members/{sha256}",
        sha256=sha256,
        contract_hash="cd" * 32,
        hyperparams_sha256="ef" * 32,
        trailing_stop_pct=0.1,
        gated=False,
    )


MANIFEST = Manifest(
    generation=3,
    study_name="c",
    created_at="2026-02-14T23:59:00+00:00",
    timeframe="7d",
    interval="1h",
    members=(member(0, -0.1), member(1, -0.2), member(2, -0.6)),
    market_contract_hash="ab" * 32,
    previous_generation=1,
)


def compared(*, campaign="c", member_set=MANIFEST.member_set, replaces=True):
    """What let the manifest replace another campaign's, or not."""
    return Comparison(
        candidate=Contender(campaign=campaign, member_set=member_set, performance=None),
        incumbent=Contender(campaign="b", member_set="00" * 32, performance=None),
        incumbent_generation=1,
        compared_at="2026-02-14T23:59:00+00:00",
        bars=None,
        hindrance="another interval",
        replaces=replaces,
    )


def stored(folder, **changes):
    path = folder / "ensemble_manifest.json"
    write_json(path, MANIFEST.to_json() | changes)
    return path


def test_a_manifest_reads_back(tmp_path):
    path = stored(tmp_path)
    assert read_manifest(path) == MANIFEST
    assert sorted(read_json(path)) == [
        "admission",
        "aggregation",
        "best_value",
        "compared_with",
        "created_at",
        "digest",
        "generation",
        "interval",
        "market_contract_hash",
        "mean_value",
        "members",
        "previous_generation",
        "rejected",
        "restores",
        "study_name",
        "timeframe",
        "worst_value",
    ]


def test_a_manifest_with_a_past_reads_back(tmp_path):
    past = {"compared_with": compared(), "rejected": ("ab" * 32, "cd" * 32)}
    for manifest in (replace(MANIFEST, **past), replace(MANIFEST, restores=1)):
        write_json(tmp_path / "manifest.json", manifest.to_json())
        assert read_manifest(tmp_path / "manifest.json") == manifest


def test_a_manifest_from_before_ensembles_were_compared_reads_as_it_was_meant(tmp_path):
    later = ("compared_with", "rejected", "restores", "digest")
    content = {name: each for name, each in MANIFEST.to_json().items() if name not in later}
    digest = sha256_of(canonical_json(content).encode())
    write_json(tmp_path / "manifest.json", content | {"digest": digest})
    assert read_manifest(tmp_path / "manifest.json") == MANIFEST


def test_incident_24_the_best_of_negative_scores_is_the_highest():
    values = MANIFEST.to_json()
    assert (values["best_value"], values["worst_value"]) == (-0.1, -0.6)
    assert values["mean_value"] == pytest.approx(-0.3)


def test_incident_22_a_member_carries_study_path_and_hash():
    first = MANIFEST.to_json()["members"][0]
    assert (first["study_name"], first["trial_number"]) == ("c/phase2_ppo", 0)
    assert (first["path"], first["sha256"]) == (f"members/{'00' * 32}", "00" * 32)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"generation": 1}, "generations must count up"),
        ({"generation": "3"}, "generation cannot be '3'"),
        ({"generation": 4.5}, "generation cannot be 4.5"),
        ({"previous_generation": True}, "previous_generation cannot be True"),
        ({"created_at": None}, "created_at cannot be None"),
        ({"interval": "7m"}, "unknown interval '7m'"),
        ({"timeframe": "1h"}, "unknown timeframe '1h'"),
        ({"members": []}, "needs a member"),
        ({"members": {}}, "no list"),
        ({"members": [5]}, "'contract_hash' is missing"),
        ({"members": [MANIFEST.to_json()["members"][0]] * 2}, "only once"),
        ({"aggregation": "median"}, "unknown aggregation"),
        ({"admission": "everyone"}, "unknown admission"),
        ({"admission": "gated"}, "did not pass the gate"),
        ({"best_value": 0.1}, "not those of the members"),
        ({"colour": "red"}, "'colour' is unknown"),
        ({"rejected": "all"}, "rejected sets are no list"),
        ({"rejected": ["ab"]}, "rejected cannot have 'ab'"),
        ({"rejected": [MANIFEST.member_set]}, "its members were rolled back from"),
        ({"restores": 2}, "it cannot restore generation 2"),
        ({"restores": "1"}, "restores cannot be '1'"),
        ({"compared_with": {}}, "compared_with: "),
        ({"compared_with": compared(campaign="other").to_json()}, "not what put it in force"),
        ({"compared_with": compared(member_set="ab" * 32).to_json()}, "not what put it in force"),
        ({"compared_with": compared(replaces=False).to_json()}, "not what put it in force"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(tmp_path, changes, fault):
    with pytest.raises(ManifestError, match=fault):
        read_manifest(stored(tmp_path, **changes))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"path": "../../archive"}, "no member's folder"),
        ({"path": f"members/{'01' * 32}"}, "no member's folder"),
        ({"sha256": "../../x"}, "sha256 is no SHA-256"),
        ({"contract_hash": "CD" * 32}, "contract_hash is no SHA-256"),
        ({"hyperparams_sha256": ""}, "hyperparams_sha256 is no SHA-256"),
        ({"vin": "PPO-A-N16B4K-L2.5E5G98.5-LB2TD20-20260214-ffffff"}, "names other weights"),
        ({"vin": "PPO"}, "VIN field"),
        ({"score": "high"}, "score cannot be 'high'"),
        ({"vin": None}, "vin cannot be None"),
        ({"trial_number": -1}, "no trial has the number -1"),
        ({"trial_number": "0"}, "trial_number cannot be '0'"),
        ({"gated": 1}, "gated cannot be 1"),
        ({"study_name": None}, "study_name cannot be None"),
        ({"trailing_stop_pct": "0.1"}, "trailing_stop_pct cannot be '0.1'"),
        ({"trailing_stop_pct": 1.0}, "trailing stop"),
    ],
)
def test_a_member_that_cannot_be_is_refused(tmp_path, changes, fault):
    first = MANIFEST.to_json()["members"][0] | changes
    with pytest.raises(ManifestError, match=fault):
        read_manifest(stored(tmp_path, members=[first]))


@pytest.mark.parametrize("study_name", ["other/phase2_ppo", "c", "cc/phase2_ppo"])
def test_incident_23_a_member_of_another_campaign_is_refused(tmp_path, study_name):
    first = MANIFEST.to_json()["members"][0] | {"study_name": study_name}
    with pytest.raises(ManifestError, match="is no study of 'c'"):
        read_manifest(stored(tmp_path, members=[first]))


@pytest.mark.parametrize(
    "changes",
    [
        {"generation": 4},
        {"generation": 3.0},
        {"created_at": "2026-02-15T00:00:00+00:00"},
        {"interval": "5m"},
        {"timeframe": "14d"},
        {"market_contract_hash": "cd" * 32},
        {"previous_generation": None},
        {"digest": None},
        {"digest": "ab" * 32},
    ],
)
def test_a_manifest_that_was_edited_is_refused(tmp_path, changes):
    with pytest.raises(ManifestError):
        read_manifest(stored(tmp_path, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"trial_number": 686},
        {"study_name": "c/phase2_ddqn"},
        {"trailing_stop_pct": 0.0},
        {"gated": True},
        {"contract_hash": "00" * 32},
        {"hyperparams_sha256": "00" * 32},
    ],
)
def test_incident_22_a_manifest_with_an_edited_member_is_refused(tmp_path, changes):
    first, *others = MANIFEST.to_json()["members"]
    with pytest.raises(ManifestError, match="digest is not that of its content"):
        read_manifest(stored(tmp_path, members=[first | changes, *others]))


@pytest.mark.parametrize(
    "name", ["digest", "generation", "members", "market_contract_hash", "best_value"]
)
def test_a_manifest_that_lacks_a_key_is_refused(tmp_path, name):
    value = MANIFEST.to_json()
    del value[name]
    write_json(tmp_path / "manifest.json", value)
    with pytest.raises(ManifestError):
        read_manifest(tmp_path / "manifest.json")


@pytest.mark.parametrize("text", ["", "[]", '{"generation": 1'])
def test_a_damaged_manifest_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ManifestError, match=r"manifest\.json"):
        read_manifest(tmp_path / "manifest.json")


def test_an_absent_manifest_is_an_error(tmp_path):
    with pytest.raises(ManifestError, match="nothing was published"):
        read_manifest(tmp_path / "manifest.json")


def test_a_manifest_may_admit_only_gated_members():
    gated = tuple(replace(each, gated=True) for each in MANIFEST.members)
    assert replace(MANIFEST, admission="gated", members=gated).admission == "gated"


def test_members_of_one_market_share_symbols_interval_timeframe_and_venue():
    config = trial_config()
    market = market_contract(model_contract(config), config)
    assert (market.interval, market.timeframe, market.venue) == ("1h", "7d", "coinbase_progressive")
    assert market.symbols[0] == "AAVE/USD"
    longer = trial_config(timeframe=Timeframe.D10)
    assert market_contract(model_contract(longer), longer).timeframe == "10d"
    deeper = trial_config("ddqn", lookback=5, trade_fraction=1.0)
    assert market_contract(model_contract(deeper), deeper).hash == market.hash
