from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.execution.fees import COINBASE, flat_fee
from tests.envs.environments import (
    costly_rules,
    environment_of,
    free_rules,
    measured_step,
    random_actions,
    rows,
)
from tests.envs.markets import arrays_of, random_arrays

REWARD = RewardConfig(
    time_decay_floor=0.3,
    volatility_penalty=0.05,
    max_drawdown_penalty=0.1,
    concentration_penalty=0.1,
    norm_reward_exp=3,
)


def shown(environment):
    """All that an environment shows; an entry price means nothing where nothing is held."""
    ledger = environment.ledger
    entry_price = ledger.entry_price * (ledger.quantity > 0)
    books = ledger._replace(entry_price=entry_price)
    return [environment.bar, environment.account, environment.equity, environment.benchmark, *books]


def everything(environment, step):
    """All that a step shows and leaves behind, as one list of tensors."""
    return [*step, *shown(environment)]


def equal(some, others):
    return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


def test_incident_03_a_holding_agent_earns_nothing_where_each_block_s_price_stands_still():
    price = np.repeat([1.0, 100.0, 1.0, 100.0], 6)
    arrays = arrays_of(np.stack([price, price], axis=1))
    environment = environment_of(arrays, free_rules(arrays, trade_fraction=0.5), n_envs=4)
    environment.reset(rows(0, 6, 12, 18), rows(6, 12, 18, 24))
    steps = [measured_step(environment, torch.full((1, 4, 2), float(t == 0))) for t in range(5)]
    assert environment.finished.all()
    assert (environment.ledger.quantity > 0).all()
    for step in steps:
        assert (step.equity_return == 0).all()
        assert (step.benchmark_return == 0).all()
        assert (step.reward == 0).all()


def test_incident_08_seven_simultaneous_buys_never_lever_the_account():
    arrays = random_arrays(30, 7)
    rules = free_rules(arrays, fees=flat_fee(0.006), trade_fraction=1.0)
    environment = environment_of(arrays, rules)
    environment.reset(rows(0), rows(30))
    step = environment.step(torch.ones(1, 1, 7))
    assert step.traded_usd.item() == pytest.approx(1_000 / 1.006)
    for _ in range(10):
        weights = environment.account[0, 0]
        assert weights[0] >= 0
        assert weights.sum().item() == pytest.approx(1.0)
        assert environment.ledger.cash.item() < 1e-9
        environment.step(torch.ones(1, 1, 7))


def test_incident_09_a_reset_leaves_nothing_behind():
    arrays = random_arrays(300, missing=0.1)
    rules = costly_rules(arrays, cycle_bars=18, trailing_stop_pct=0.05)
    used = environment_of(arrays, rules, n_envs=2, reward=REWARD)
    start, stop = rows(0, 1), rows(250, 260)
    used.reset(start, stop)
    for action in random_actions(200, 1, 2, 4, seed=1):
        used.step(action)
    used.reset(start, stop)
    fresh = environment_of(arrays, rules, n_envs=2, reward=REWARD)
    fresh.reset(start, stop)
    assert torch.equal(used.account, fresh.account)
    for action in random_actions(240, 1, 2, 4, seed=2):
        assert equal(everything(used, used.step(action)), everything(fresh, fresh.step(action)))


def test_incident_09_a_restart_renews_some_environments_and_leaves_the_others_alone():
    arrays = random_arrays(400)
    rules = costly_rules(arrays, cycle_bars=18)
    start, stop = rows(0, 30), rows(390, 390)
    mixed, fresh, untouched = (environment_of(arrays, rules, n_envs=2) for _ in range(3))
    for environment in (mixed, untouched):
        environment.reset(start, stop)
    actions = random_actions(300, 1, 2, 4)
    for action in actions[:200]:
        mixed.step(action)
        untouched.step(action)
    mixed.restart(torch.tensor([[True, False]]), rows(7, 0), rows(300, 2))
    fresh.reset(rows(7, 7), rows(300, 300))
    for action in actions[200:]:
        found = everything(mixed, mixed.step(action))
        renewed = everything(fresh, fresh.step(action))
        kept = everything(untouched, untouched.step(action))
        assert equal([x[:, 0] for x in found], [x[:, 0] for x in renewed])
        assert equal([x[:, 1] for x in found], [x[:, 1] for x in kept])


def test_incident_14_no_cycle_leaves_anything_held_and_every_sale_pays():
    arrays = random_arrays(200)
    environment = environment_of(arrays, costly_rules(arrays, cycle_bars=10))
    environment.reset(rows(5), rows(190))
    for action in random_actions(184, 1, 1, 4):
        invested = 1 - environment.account[0, 0, 0].item()
        step = measured_step(environment, action)
        if (environment.bar.item() - 5) % 10 == 0:
            assert (environment.ledger.quantity == 0).all()
            assert environment.equity.item() == environment.ledger.cash.item()
            assert invested > 0
            assert step.fee_usd.item() >= 0.006 * 0.5 * invested * 100
        assert step.fee_usd.item() == pytest.approx(0.006 * step.traded_usd.item())


def test_incident_15_cycles_follow_each_other_to_the_end_of_the_block():
    arrays = random_arrays(120)
    environment = environment_of(arrays, costly_rules(arrays, cycle_bars=10))
    environment.reset(rows(3), rows(98))
    flat, n_steps = [], 0
    while not environment.finished.all():
        step = environment.step(torch.ones(1, 1, 4))
        n_steps += 1
        if (environment.ledger.quantity == 0).all():
            flat.append(environment.bar.item())
        assert not step.terminated.any()
        assert step.truncated.item() == (environment.bar.item() == 97)
    assert n_steps == 94  # every bar after the first decision's
    assert flat == [13, 23, 33, 43, 53, 63, 73, 83, 93]


def test_a_training_episode_is_terminated_by_its_cycle_or_truncated_by_its_block():
    arrays = random_arrays(50)
    environment = environment_of(
        arrays, costly_rules(arrays, cycle_bars=6), n_envs=3, continuing=False
    )
    environment.reset(rows(0, 10, 20), rows(40, 14, 27))  # the last one's cycle fills its block
    ends = {}
    for t in range(1, 9):
        step = environment.step(torch.zeros(1, 3, 4))
        for e in range(3):
            if step.terminated[0, e]:
                ends[e] = ("terminated", t)
            if step.truncated[0, e]:
                ends[e] = ("truncated", t)
    assert ends == {0: ("terminated", 6), 1: ("truncated", 3), 2: ("terminated", 6)}
    assert environment.finished.all()


def test_a_finished_environment_does_nothing_until_it_is_restarted():
    arrays = random_arrays(60)
    environment = environment_of(arrays, costly_rules(arrays), n_envs=2, reward=REWARD)
    environment.reset(rows(0, 0), rows(5, 50))
    for action in random_actions(6, 1, 2, 4):
        environment.step(action)
    before = shown(environment)
    assert environment.finished.tolist() == [[True, False]]
    step = measured_step(environment, -torch.ones(1, 2, 4))
    after = shown(environment)
    assert equal([x[:, 0] for x in after], [x[:, 0] for x in before])
    assert all(not x[0, 0].item() for x in step)
    assert step.traded_usd[0, 1] > 0
    environment.restart(environment.finished, rows(20, 20), rows(30, 30))
    assert not environment.finished.any()
    assert environment.step(torch.ones(1, 2, 4)).traded_usd[0, 0] > 0


def test_before_the_first_reset_everything_is_finished():
    arrays = random_arrays(60)
    environment = environment_of(arrays, costly_rules(arrays), n_envs=2)
    assert environment.finished.all()
    assert not any(x.any() for x in environment.step(torch.ones(1, 2, 4)))


def fee_rate_of(environment, action):
    step = measured_step(environment, torch.full((1, 1, 1), action))
    return (step.fee_usd / step.traded_usd).item(), step.traded_usd.item()


def wait_until(environment, bar):
    while environment.bar.item() < bar:
        environment.step(torch.zeros(1, 1, 1))


def fee_environment():
    arrays = arrays_of(np.full((600, 1), 100.0))  # 4h: 180 bars are 30 days
    rules = {"fees": COINBASE, "initial_cash_usd": 100_000.0, "trade_fraction": 1.0}
    environment = environment_of(arrays, free_rules(arrays, **rules))
    environment.reset(rows(0), rows(600))
    return environment


def test_incident_17_volume_lowers_the_fee_for_thirty_days_and_then_expires():
    environment = fee_environment()
    assert fee_rate_of(environment, 0.1) == (pytest.approx(0.006), pytest.approx(10_000))  # row 1
    wait_until(environment, 180)
    rate, traded = fee_rate_of(environment, 0.15)  # row 181: row 1 is 180 bars old
    assert rate == pytest.approx(0.004)
    rate, _ = fee_rate_of(environment, -0.1)  # row 182: row 1 is gone, row 181 is not
    assert rate == pytest.approx(COINBASE.rate(torch.tensor(traded)).item())
    wait_until(environment, 400)
    assert fee_rate_of(environment, -0.1)[0] == pytest.approx(0.006)  # nothing for thirty days


def test_incident_17_an_episode_starts_with_an_empty_fee_window():
    environment = fee_environment()
    fee_rate_of(environment, 0.5)
    environment.restart(torch.tensor([[True]]), rows(50), rows(600))
    assert fee_rate_of(environment, 0.5)[0] == pytest.approx(0.006)
    environment.reset(rows(50), rows(600))
    assert fee_rate_of(environment, 0.5)[0] == pytest.approx(0.006)


def test_volume_is_carried_from_cycle_to_cycle():
    arrays = arrays_of(np.full((60, 1), 100.0))
    rules = {"fees": COINBASE, "initial_cash_usd": 100_000.0, "trade_fraction": 1.0}
    environment = environment_of(arrays, free_rules(arrays, cycle_bars=5, **rules))
    environment.reset(rows(0), rows(60))
    fee_rate_of(environment, 0.1)
    wait_until(environment, 5)  # bought and sold: some 20,000 USD
    rate, _ = fee_rate_of(environment, 0.5)
    assert rate == pytest.approx(0.003, rel=1e-3)


def test_incident_50_permuting_the_symbols_permutes_the_result_and_changes_nothing_else():
    arrays = random_arrays(200, 5, missing=0.1)
    order = [3, 0, 4, 1, 2]
    symbols = tuple(arrays.symbols[i] for i in order)
    permuted = arrays_of(
        arrays.close[:, order], open_price=arrays.open[:, order], observed=arrays.observed[:, order]
    )
    permuted = replace(permuted, contract=replace(permuted.contract, symbols=symbols))
    changes = {"cycle_bars": 18, "trade_fraction": 0.8, "trailing_stop_pct": 0.1}
    first = environment_of(arrays, costly_rules(arrays, **changes), reward=REWARD)
    second = environment_of(permuted, costly_rules(permuted, **changes), reward=REWARD)
    for environment in (first, second):
        environment.reset(rows(0), rows(200))
    for action in random_actions(199, 1, 1, 5):
        a, b = first.step(action), second.step(action[..., order])
        for x, y in zip(a, b, strict=True):
            assert torch.allclose(x.double(), y.double(), rtol=1e-9, atol=1e-9)
        assert torch.allclose(
            first.ledger.quantity[..., order], second.ledger.quantity, rtol=1e-9, atol=0
        )


def test_members_trade_the_same_alone_and_in_company():
    arrays = random_arrays(200, missing=0.05)
    base = costly_rules(arrays, cycle_bars=18)
    members = [base, replace(base, trade_fraction=0.9), replace(base, trailing_stop_pct=0.05)]
    together = environment_of(arrays, *members, n_envs=2, reward=REWARD)
    alone = [environment_of(arrays, each, n_envs=2, reward=REWARD) for each in members]
    together.reset(rows(0, 1).expand(3, 2), rows(190, 150).expand(3, 2))
    for environment in alone:
        environment.reset(rows(0, 1), rows(190, 150))
    for action in random_actions(189, 3, 2, 4):
        found = everything(together, together.step(action))
        for m, environment in enumerate(alone):
            own = everything(environment, environment.step(action[m : m + 1]))
            assert equal([x[m : m + 1] for x in found], own)


def test_no_step_sees_beyond_the_bar_that_fills_it():
    arrays = random_arrays(100)
    future = replace(arrays, close=arrays.close.copy(), open=arrays.open.copy())
    future.close[41:], future.open[41:] = 7.0, 7.0
    rules = costly_rules(arrays, cycle_bars=18)
    some, other = environment_of(arrays, rules), environment_of(future, rules)
    for environment in (some, other):
        environment.reset(rows(10), rows(90))
    for action in random_actions(30, 1, 1, 4):  # the last one is decided at 39, filled in 40
        assert equal(everything(some, some.step(action)), everything(other, other.step(action)))


def test_the_benchmark_is_equal_weight_bought_at_the_first_open_with_all_costs():
    close = [[10.0, 40.0], [12.0, 40.0], [15.0, 30.0], [15.0, 60.0]]
    opens = [[10.0, 40.0], [8.0, 50.0], [12.0, 40.0], [15.0, 30.0]]
    arrays = arrays_of(close, open_price=opens)
    rules = free_rules(arrays, fees=flat_fee(0.25), half_spread_bps=1_000, slippage_bps=1_500)
    environment = environment_of(arrays, rules)
    environment.reset(rows(0), rows(4))
    returns = [
        measured_step(environment, torch.zeros(1, 1, 2)).benchmark_return.item() for _ in range(3)
    ]
    # Of 1 USD each half pays 25 % fees and buys .4 USD at open x 1.25: .04 at 10, .0064 at 62.50.
    values = [1, 0.04 * 12 + 0.0064 * 40, 0.04 * 15 + 0.0064 * 30, 0.04 * 15 + 0.0064 * 60]
    expected = [b / a - 1 for a, b in pairwise(values)]
    assert returns == pytest.approx(expected)


def test_doing_nothing_keeps_the_cash_and_costs_nothing():
    arrays = random_arrays(50)
    environment = environment_of(arrays, costly_rules(arrays, cycle_bars=18))
    environment.reset(rows(0), rows(50))
    while not environment.finished.all():
        step = measured_step(environment, torch.full((1, 1, 4), 0.05))
        assert step.equity_return.item() == step.traded_usd.item() == 0.0
    assert environment.equity.item() == 1_000.0


def test_the_account_shows_weights_and_the_fraction_of_the_cycle_left():
    arrays = random_arrays(50)
    environment = environment_of(arrays, costly_rules(arrays, cycle_bars=4))
    environment.reset(rows(3), rows(50))
    clock = []
    for action in random_actions(9, 1, 1, 4):
        account = environment.account
        assert account.shape == (1, 1, 6)
        assert account.dtype == torch.float32
        assert account[..., :5].sum().item() == pytest.approx(1.0)
        clock.append(account[0, 0, 5].item())
        environment.step(action)
    assert clock == [1.0, 0.75, 0.5, 0.25, 1.0, 0.75, 0.5, 0.25, 1.0]
    endless = environment_of(arrays, costly_rules(arrays))
    endless.reset(rows(3), rows(50))
    assert endless.account.tolist() == [[[1.0, 0.0, 0.0, 0.0, 0.0]]]


@pytest.mark.parametrize(
    ("start", "stop", "message"),
    [
        (4, 9, "row 4 is not"),  # not observed
        (3, 9, "row 3 is not"),  # the next one is not
        (1, 2, "two rows"),
        (-1, 9, "two rows"),
        (1, 31, "two rows"),
        (15, 25, "one segment"),
        (19, 25, "row 19 is not"),  # the next one belongs to another segment
    ],
)
def test_episodes_that_could_not_be_traded_are_refused(start, stop, message):
    observed = np.ones((30, 2), np.bool_)
    observed[4, 1] = False
    arrays = arrays_of(
        np.full((30, 2), 5.0), observed=observed, segment=np.repeat([0, 1], [20, 10])
    )
    environment = environment_of(arrays, costly_rules(arrays))
    with pytest.raises(ValueError, match=message):
        environment.reset(rows(start), rows(stop))


def test_rules_must_fit_the_market():
    arrays = random_arrays(30)
    rules = costly_rules(arrays)
    for wrong in (
        replace(rules, symbols=rules.symbols[::-1]),
        replace(rules, bars_per_day=24),
    ):
        with pytest.raises(ConfigurationError, match="the market has"):
            environment_of(arrays, wrong)
    with pytest.raises(ConfigurationError, match="n_envs=0"):
        environment_of(arrays, rules, n_envs=0)
