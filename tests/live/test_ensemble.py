import numpy as np
import pytest
import torch

from cappuccino_assets.agents.actions import TRADE_LEVELS
from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.envs.environment import TradingEnvironment
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.observation import ObservationBuilder
from cappuccino_assets.errors import ContractMismatchError, IntegrityError, ManifestError
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.features.contract import Layout, market_contract
from cappuccino_assets.live.ensemble import Ensemble
from cappuccino_assets.live.publish import publish_manifest
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS, Interval
from cappuccino_assets.storage.files import canonical_json, read_json, sha256_of, write_json
from tests.registry.trials import MARKET, leave_trial, leave_trials, model_contract, trial_config

ACCOUNT = np.array([0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
N_BARS = 30


def feature_arrays(contract=MARKET, *, gap_at=None, unobserved=()):
    random = np.random.default_rng(0)
    prices = 100 * np.exp(0.01 * random.standard_normal((N_BARS, 7)).cumsum(axis=0))
    observed = np.ones((N_BARS, 7), dtype=bool)
    for row, symbol in unobserved:
        observed[row, symbol] = False
    return FeatureArrays(
        contract=contract,
        dataset_digest="d1",
        open_time=contract.interval.seconds * np.arange(N_BARS, dtype=np.int64),
        open=prices,
        close=prices,
        observed=observed,
        segment=np.where(np.arange(N_BARS) < (gap_at or 0), 0, 1).astype(np.int64),
        features=random.standard_normal((N_BARS, contract.n_columns)).astype(np.float32),
    )


ARRAYS = feature_arrays()


@pytest.fixture
def load(warehouse):
    def publish_and_load():
        publish_manifest(warehouse.layout, warehouse, "c", find_bars=None)
        return Ensemble.load(warehouse.layout.manifest)

    return publish_and_load


def restate(path, member=None, **changes):
    """Publish other statements than the models', with a digest that fits them."""
    content = read_json(path) | changes
    del content["digest"]
    if member is not None:
        content["members"][0] |= member
        score = content["members"][0]["score"]
        content |= {"best_value": score, "mean_value": score, "worst_value": score}
    write_json(path, content | {"digest": sha256_of(canonical_json(content).encode())})


def action_of(model, row, account=ACCOUNT, cycle_left=0.5):
    """The greedy action of one model, worked out in plain numpy from its contract."""
    contract = model.contract
    scaler, n_lagged = contract.scaler, contract.n_lagged_columns
    scaled = (ARRAYS.features - np.array(scaler.mean)) / np.array(scaler.std)
    scaled = scaled.clip(-10, 10) * 2**contract.norm_tech_exp
    lagged = [scaled[row - lag, :n_lagged] for lag in range(contract.lookback)]
    x = np.concatenate([account, *lagged, scaled[row, n_lagged:], [cycle_left]])
    for i in range(3):
        x = x @ model.tensors[f"{i}.weight"].numpy() + model.tensors[f"{i}.bias"].numpy()
        x = np.maximum(x, 0) if i < 2 else x
    if model.action_space.kind == "continuous":
        return np.tanh(x)
    action = np.zeros(7)
    symbol, level = divmod(int(x.argmax()), 10)
    action[symbol if symbol < 7 else slice(None)] = TRADE_LEVELS[level]  # the last is the basket
    return action


def trade_of(model, row):
    action, rules = action_of(model, row), model.config.rules
    return np.where(abs(action) >= rules.hold_threshold, action, 0.0) * rules.trade_fraction


def test_one_member_trades_its_action_as_a_fraction_of_equity(warehouse, load):
    leave_trials(warehouse, [0.5], config=trial_config(trade_fraction=0.1))
    ensemble = load()
    trade = ensemble.act(ARRAYS, 20, ACCOUNT, 0.5)
    assert trade.shape == (7,)
    assert abs(trade).max() <= 0.1
    assert trade == pytest.approx(trade_of(ensemble.models[0], 20), abs=1e-6)


def test_the_ensemble_trades_the_mean_of_members_of_every_kind(warehouse, load):
    leave_trials(warehouse, [0.5, 0.4], config=trial_config(trade_fraction=0.1))
    leave_trials(warehouse, [0.3], config=trial_config("ddqn", lookback=5, trade_fraction=0.8))
    ensemble = load()
    for row in (10, 20, N_BARS - 1):
        expected = np.mean([trade_of(model, row) for model in ensemble.models], axis=0)
        assert ensemble.act(ARRAYS, row, ACCOUNT, 0.5) == pytest.approx(expected, abs=1e-6)


def test_a_discrete_member_can_trade_all_symbols_alike(warehouse, load):
    leave_trials(warehouse, [0.5], config=trial_config("ddqn", trade_fraction=0.2))
    ensemble = load()
    trades = [ensemble.act(ARRAYS, row, ACCOUNT, 0.5) for row in range(5, N_BARS)]
    expected = [trade_of(ensemble.models[0], row) for row in range(5, N_BARS)]
    assert np.array(trades) == pytest.approx(np.array(expected), abs=1e-6)
    assert any((trade == trade[0]).all() and trade[0] != 0 for trade in trades)


def test_an_action_below_the_threshold_holds(warehouse, load):
    leave_trials(warehouse, [0.5], config=trial_config(hold_threshold=1.0))
    ensemble = load()
    actions = np.array([action_of(ensemble.models[0], row) for row in range(5, 15)])
    assert (abs(actions) < 1).any()
    trades = np.array([ensemble.act(ARRAYS, row, ACCOUNT, 0.5) for row in range(5, 15)])
    assert (trades[abs(actions) < 0.999] == 0).all()


def test_a_model_is_fed_as_in_its_training(warehouse, load):
    """The observation is the environment's own, at the same bar of the same episode."""
    config = trial_config()
    leave_trials(warehouse, [0.5], config=config)
    ensemble = load()
    (model,) = ensemble.models
    market = MarketTensors.from_arrays(ARRAYS)
    environment = TradingEnvironment(
        market, rules=[config.rules], rewards=[config.reward], n_envs=1, continuing=False
    )
    environment.reset(torch.tensor([[5]]), torch.tensor([[N_BARS]]))
    environment.step(torch.full((1, 1, 7), 0.5))
    observe = ObservationBuilder(
        market, lookback=2, scalers=[model.scaler], norm_tech_exp=0.0, has_clock=True
    )
    observation = observe(environment.bar, environment.account)
    assert observation.shape[2] == model.contract.observation_size
    account = environment.account[0, 0].double().numpy()
    policy = Policy.from_members([model.tensors], model.action_space)
    trained = policy.act_greedily(observation)[0, 0].numpy()
    lived = ensemble.act(ARRAYS, 6, account[:-1], account[-1])
    held = np.where(abs(trained) >= 0.1, trained, 0.0) * 0.25
    assert lived == pytest.approx(held, abs=1e-6)


def test_the_decision_uses_no_bar_after_the_row(warehouse, load):
    leave_trials(warehouse, [0.5])
    ensemble = load()
    later = feature_arrays()
    later.features[21:] = 9.0
    assert (ensemble.act(later, 20, ACCOUNT, 0.5) == ensemble.act(ARRAYS, 20, ACCOUNT, 0.5)).all()


def test_incident_49_a_symbol_without_a_trade_in_the_bar_is_not_traded(warehouse, load):
    leave_trials(warehouse, [0.5])
    ensemble = load()
    whole = ensemble.act(ARRAYS, 20, ACCOUNT, 0.5)
    partly = ensemble.act(feature_arrays(unobserved=[(20, 2), (20, 5)]), 20, ACCOUNT, 0.5)
    assert (whole != 0).sum() > 2
    assert partly[[2, 5]].tolist() == [0, 0]
    kept = [0, 1, 3, 4, 6]
    assert (partly[kept] == whole[kept]).all()


@pytest.mark.parametrize("row", [-1, 0, N_BARS])
def test_a_row_without_its_history_is_refused(warehouse, load, row):
    leave_trials(warehouse, [0.5])
    with pytest.raises(ValueError, match="rows behind it"):
        load().act(ARRAYS, row, ACCOUNT, 0.5)


def test_a_history_that_reaches_over_a_gap_is_refused(warehouse, load):
    leave_trials(warehouse, [0.5])
    arrays, ensemble = feature_arrays(gap_at=20), load()
    with pytest.raises(ValueError, match="reach over a gap"):
        ensemble.act(arrays, 20, ACCOUNT, 0.5)
    assert ensemble.act(arrays, 21, ACCOUNT, 0.5).shape == (7,)


def test_a_member_with_a_clock_must_know_what_is_left(warehouse, load):
    leave_trials(warehouse, [0.5])
    with pytest.raises(ValueError, match="left of the cycle"):
        load().act(ARRAYS, 20, ACCOUNT)


def test_an_account_of_another_size_is_refused(warehouse, load):
    leave_trials(warehouse, [0.5])
    with pytest.raises(ValueError, match="An account has shape"):
        load().act(ARRAYS, 20, ACCOUNT[:-1], 0.5)


@pytest.mark.parametrize(
    ("market", "field"),
    [
        ({"symbols": DEFAULT_SYMBOLS[::-1]}, "symbols"),
        ({"interval": Interval.M30}, "interval"),
        ({"layout": Layout.PER_COIN}, "layout"),
        ({"enhanced": False}, "enhanced"),
    ],
)
def test_incident_01_arrays_of_another_contract_are_refused(warehouse, load, market, field):
    leave_trials(warehouse, [0.5])
    base = {"symbols": DEFAULT_SYMBOLS, "interval": Interval.H1, "layout": Layout.COMPACT}
    contract = market_contract(**({**base, "enhanced": True} | market))
    with pytest.raises(ContractMismatchError) as refusal:
        load().act(feature_arrays(contract), 20, ACCOUNT, 0.5)
    assert refusal.value.field == field


def test_incident_22_a_member_swapped_for_another_trial_is_refused(warehouse, load):
    leave_trials(warehouse, [0.5])
    (member,) = load().manifest.members
    leave_trial(warehouse.layout, 686, 0.9, campaign="other")
    other = warehouse.layout.trial("other/phase2_ppo", 686) / "actor.safetensors"
    target = warehouse.layout.ensemble / member.path / "actor.safetensors"
    target.write_bytes(other.read_bytes())
    with pytest.raises(IntegrityError, match=f"{member.sha256} is on record"):
        Ensemble.load(warehouse.layout.manifest)


def test_incident_41_a_pickle_in_a_members_place_is_refused(warehouse, load, tmp_path):
    leave_trials(warehouse, [0.5])
    (member,) = load().manifest.members
    torch.save({"0.weight": torch.zeros(1)}, tmp_path / "actor.pth")
    target = warehouse.layout.ensemble / member.path / "actor.safetensors"
    target.write_bytes((tmp_path / "actor.pth").read_bytes())
    with pytest.raises(IntegrityError, match="is on record"):
        Ensemble.load(warehouse.layout.manifest)


def test_a_changed_contract_or_configuration_is_refused(warehouse, load):
    leave_trials(warehouse, [0.5])
    (member,) = load().manifest.members
    folder = warehouse.layout.ensemble / member.path
    config = trial_config(trade_fraction=1.0)
    write_json(folder / "hyperparams.json", config.to_json())
    with pytest.raises(ManifestError, match="configuration is not the published one"):
        Ensemble.load(warehouse.layout.manifest)
    contract = model_contract(config).to_json() | {"memory_bars": 1}
    write_json(folder / "contract.json", contract)
    with pytest.raises(IntegrityError, match=r"contract\.json has the hash"):
        Ensemble.load(warehouse.layout.manifest)


def test_a_member_of_another_market_is_refused(warehouse, load):
    leave_trials(warehouse, [0.5])
    load()
    restate(warehouse.layout.manifest, market_contract_hash="ab" * 32)
    with pytest.raises(ManifestError, match="another market than the ensemble"):
        Ensemble.load(warehouse.layout.manifest)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"interval": "5m"}, "The interval of PPO-.* is 1h, but the manifest says 5m"),
        ({"timeframe": "14d"}, "The timeframe of PPO-.* is 7d, but the manifest says 14d"),
    ],
)
def test_incident_32_a_manifest_of_another_interval_is_refused(warehouse, load, changes, fault):
    leave_trials(warehouse, [0.5])
    load()
    restate(warehouse.layout.manifest, **changes)
    with pytest.raises(ManifestError, match=fault):
        Ensemble.load(warehouse.layout.manifest)


def test_a_trailing_stop_that_is_not_the_configurations_is_refused(warehouse, load):
    leave_trials(warehouse, [0.5], config=trial_config(trailing_stop_pct=0.15))
    load()
    restate(warehouse.layout.manifest, {"trailing_stop_pct": 0.0})
    with pytest.raises(ManifestError, match=r"trailing stop of .* is 0\.15, but .* says 0\.0"):
        Ensemble.load(warehouse.layout.manifest)


@pytest.mark.parametrize(
    ("stated", "other"),
    [("-S-", "-A-"), ("N16", "N32"), ("B4K", "B8K"), ("LB2", "LB3"), ("TD20", "TD30")],
)
def test_incident_22_a_code_that_is_not_the_models_is_refused(warehouse, load, stated, other):
    leave_trials(warehouse, [0.5])
    (member,) = load().manifest.members
    restate(warehouse.layout.manifest, {"vin": member.vin.replace(stated, other)})
    with pytest.raises(ManifestError, match=f"code of a member is {member.vin}"):
        Ensemble.load(warehouse.layout.manifest)


def test_a_score_of_another_grade_than_the_code_is_refused(warehouse, load):
    leave_trials(warehouse, [0.5])
    load()
    restate(warehouse.layout.manifest, {"score": 0.25})
    with pytest.raises(ManifestError, match="code of a member is PPO-A"):
        Ensemble.load(warehouse.layout.manifest)


def test_the_loaded_ensemble_does_not_follow_files_that_change_later(warehouse, load):
    leave_trials(warehouse, [0.5])
    ensemble = load()
    before = ensemble.act(ARRAYS, 20, ACCOUNT, 0.5)
    (member,) = ensemble.manifest.members
    (warehouse.layout.ensemble / member.path / "actor.safetensors").unlink()
    assert (ensemble.act(ARRAYS, 20, ACCOUNT, 0.5) == before).all()
