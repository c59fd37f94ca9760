from dataclasses import asdict

import numpy as np
import pytest

from cappuccino_assets.placebo.gate_power import draw_search, measure_gate, read_draws
from cappuccino_assets.placebo.timers import INTERVAL, SKILLED, Case, Others, draw_timers
from cappuccino_assets.storage.files import write_json
from cappuccino_assets.storage.layout import WarehouseLayout


def case(**changes) -> Case:
    return Case(**{"years": 2.9, "sharpe": 2.0, "others": Others.NOTHING} | changes)


def sharpe(returns) -> float:
    return float(returns.mean() / returns.std(ddof=1) * np.sqrt(INTERVAL.bars_per_year))


def test_the_skilled_one_has_the_sharpe_ratio_that_is_stated_by_both_definitions() -> None:
    markets = [draw_timers(case(years=1.0), seed) for seed in range(30)]
    skilled = [market.timers[SKILLED] for market in markets]
    pairs = list(zip(skilled, markets, strict=True))
    excess = [sharpe(each.seen - market.seen) for each, market in pairs]
    above = [sharpe(each.seen) - sharpe(market.seen) for each, market in pairs]
    error = 1 / (0.85 * 30) ** 0.5  # of a mean Sharpe ratio
    assert np.mean(excess) == pytest.approx(2.0, abs=3 * error)
    assert np.mean(above) == pytest.approx(2.0, abs=3 * error)


def test_those_without_skill_earn_nothing_or_pay() -> None:
    free, paying = (draw_timers(case(others=others), 0) for others in Others)
    n_dearer = sum(
        each.unseen_at_twice_the_costs.mean() < each.unseen.mean() for each in paying.timers
    )
    assert n_dearer == len(paying.timers)
    costless = free.timers[SKILLED + 1]
    assert np.array_equal(costless.unseen_at_twice_the_costs, costless.unseen)


def test_timers_that_are_mostly_out_resemble_each_other() -> None:
    market = draw_timers(case(), 0)
    excess = np.stack([timer.seen - market.seen for timer in market.timers])
    correlation = np.corrcoef(excess)[np.triu_indices(len(excess), 1)]
    assert np.median(correlation) > 0.7


def test_what_no_luck_reaches_is_promoted_and_nothing_else_is() -> None:
    drawn = draw_search(case(sharpe=12.0), 0)
    assert set(drawn.promoted.values()) == {True}
    assert set(drawn.n_false.values()) == {0}
    assert drawn.passed is not None
    assert len(drawn.passed) == 8 + 3  # points, the deflated Sharpe ratio by each variance


def test_no_skill_is_promoted_by_nothing() -> None:
    drawn = [draw_search(case(sharpe=0.0, years=1.0), seed) for seed in range(3)]
    assert not any(any(each.promoted.values()) for each in drawn)


def test_the_same_seed_draws_the_same() -> None:
    assert draw_search(case(years=1.0), 4) == draw_search(case(years=1.0), 4)


def test_what_is_drawn_is_kept_and_not_drawn_again(tmp_path) -> None:
    layout, kept = WarehouseLayout(root=tmp_path), draw_search(case(years=1.0), 0)
    path = layout.placebo / "gate" / case().name / "000000.json"
    write_json(path, {"drawn": [asdict(kept)]})
    told = []
    measure_gate(layout, n_draws=50, on_batch=lambda *batch: told.append(batch), cases=[case()])
    assert told == []
    assert read_draws(layout, case()) == [kept]
