"""Do agents find what is there, and find nothing where nothing is?

Prints, for both algorithms on planted markets of three strengths and on unpredictable ones, which
share they reach of what an oracle earns beyond equal-weight HODL, on bars they were not trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from bench.planted_population import (
    FEE_RATE,
    DriftOracle,
    MarketRow,
    Recipe,
    rules_of,
    without_costs,
)
from cappuccino_assets.agents.ddqn import DDQNConfig
from cappuccino_assets.agents.ppo import PPOConfig
from cappuccino_assets.evaluation.backtest import BlockResult
from cappuccino_assets.evaluation.metrics import sharpe_ratio
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.oracle import oracle_returns
from cappuccino_assets.market.sources.simulated import Regime, SimulatedSource, Strength
from cappuccino_assets.types import FloatArray

SEEDS: Final = {  # the recipes were chosen on markets 0 to 5 and 20 to 29, DDQN's after 12 to 17
    "ppo": range(12, 18),
    "ddqn": range(30, 36),
}
N_TRAININGS: Final = 3
RECIPES: Final = {
    "ppo": Recipe(
        agent=PPOConfig(
            net_dimension=64, learning_rate=1e-3, gamma=0.95, gae_lambda=0.8, target_step=2048
        ),
        trade_fraction=0.1,
        hold_threshold=0.1,
    ),
    "ddqn": Recipe(
        agent=DDQNConfig(
            net_dimension=64,
            batch_size=256,
            learning_rate=1e-3,
            lr_schedule_factor=0.1,
            gamma=0.9,
            n_step=1,
            train_frequency=16,
            epsilon_decay_fraction=0.7,
        ),
        trade_fraction=0.2,
        hold_threshold=0.6,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """Sharpe ratios less that of equal-weight HODL on the unseen bars of K markets.

    Attributes:
        agent: Of each training seed on each market, shape (S, K).
        agent_without_costs: The same policies where trading is free, shape (S, K).
        oracle: Of who knows the drift's sign, and trades by the agent's rules, shape (K,).
        free_oracle: Of who knows it and needs no cycles, slippage or sizes, only pays the fee,
            shape (K,).
        turnover: Traded a day by the agents, as a multiple of equity.
    """

    agent: FloatArray
    agent_without_costs: FloatArray
    oracle: FloatArray
    free_oracle: FloatArray
    turnover: float

    @property
    def by_market(self) -> FloatArray:
        """Mean over the training seeds, shape (K,)."""
        return np.asarray(self.agent.mean(axis=0))

    @property
    def share(self) -> float:
        """Mean of the agents divided by the mean of the oracle."""
        return float(self.agent.mean() / self.oracle.mean())

    @property
    def share_error(self) -> float:
        """Standard error of the share over markets, as of a ratio of means.

        References:
            Cochran, "Sampling Techniques" (1977), eq. 2.46.
        """
        residual = self.by_market - self.share * self.oracle
        return standard_error(residual) / float(self.oracle.mean())

    @property
    def share_by_seed(self) -> FloatArray:
        """Share of each training seed, shape (S,)."""
        return np.asarray(self.agent.mean(axis=1) / self.oracle.mean())


def measure(
    strength: Strength | None,
    recipe: Recipe,
    *,
    seeds: Sequence[int],
    n_trainings: int = N_TRAININGS,
) -> Outcome:
    """Train on the first 70 % of years, each a market of its own, and trade the last 30 %.

    Args:
        strength: Of the planted signal; None where nothing is predictable.
        recipe: Algorithm and settings.
        seeds: Of the markets, K in all.
        n_trainings: Training seeds on each market, S.
    """
    row = MarketRow.draw([_source(strength, seed) for seed in seeds])
    rules = rules_of(recipe, row.arrays.symbols)
    actor = row.learn(recipe, n_seeds=n_trainings)
    traded, shape = row.trade(actor, rules), (n_trainings, row.n_markets)
    oracle = row.trade(DriftOracle(row), rules)
    return Outcome(
        agent=_excess(traded).reshape(shape),
        agent_without_costs=_excess(row.trade(actor, without_costs(rules))).reshape(shape),
        oracle=_excess(oracle),
        free_oracle=np.array(
            [
                _sharpe(oracle_returns(source, fee_rate=FEE_RATE)[-each.n_bars :])
                - _sharpe(each.hodl_returns)
                for source, each in zip(row.sources, oracle, strict=True)
            ]
        ),
        turnover=float(np.mean([24 * each.turnover / each.n_bars for each in traded])),
    )


def standard_error(values: FloatArray) -> float:
    """Of the mean of independent values."""
    return float(values.std(ddof=1) / len(values) ** 0.5)


def lower_bound(outcome: Outcome) -> float:
    """Share of the oracle less two standard errors."""
    return outcome.share - 2 * outcome.share_error


def _source(strength: Strength | None, seed: int) -> SimulatedSource:
    if strength is None:
        return SimulatedSource(regime=Regime.NULL, seed=seed)
    return SimulatedSource(regime=Regime.PLANTED, seed=seed, strength=strength)


def _excess(results: Sequence[BlockResult]) -> FloatArray:
    return np.array([_sharpe(each.bot_returns) - _sharpe(each.hodl_returns) for each in results])


def _sharpe(returns: FloatArray) -> float:
    if not returns.any():
        return 0.0  # never traded
    return sharpe_ratio(returns, bars_per_year=Interval.H1.bars_per_year)


def _print_planted(strength: Strength, algorithm: str, outcome: Outcome) -> None:
    pairs = zip(outcome.by_market, outcome.oracle, strict=True)
    cells = (
        f"{strength}",
        algorithm,
        f"{outcome.agent.mean():.1f}",
        f"{outcome.oracle.mean():.1f}",
        f"{outcome.share:.2f}",
        f"{lower_bound(outcome):.2f}",
        f"{outcome.agent.mean() / outcome.free_oracle.mean():.2f}",
        " ".join(f"{share:.2f}" for share in outcome.share_by_seed),
        " ".join(f"{agent:.1f}/{oracle:.1f}" for agent, oracle in pairs),
    )
    print("|", " | ".join(cells), "|", flush=True)


def _print_null(algorithm: str, outcome: Outcome) -> None:
    free = outcome.agent_without_costs.mean(axis=0)
    cells = (
        algorithm,
        f"{outcome.agent.mean():.2f} ± {2 * standard_error(outcome.by_market):.2f}",
        f"{free.mean():.2f} ± {2 * standard_error(free):.2f}",
        f"{outcome.turnover:.2f}",
        " ".join(f"{value:.1f}" for value in outcome.by_market),
    )
    print("|", " | ".join(cells), "|", flush=True)


def main() -> None:
    torch.set_num_threads(1)
    print(
        "| signal | algorithm | excess Sharpe | oracle's | share | less two standard errors ",
        end="",
    )
    print("| share of the free oracle | by training seed | agent/oracle on each market |")
    print("|---|---|---|---|---|---|---|---|---|")
    for strength in reversed(Strength):
        for algorithm, recipe in RECIPES.items():
            _print_planted(strength, algorithm, measure(strength, recipe, seeds=SEEDS[algorithm]))
    print("\n| nothing planted | excess Sharpe ", end="")
    print("| where trading is free | turnover a day | each market |")
    print("|---|---|---|---|---|")
    for algorithm, recipe in RECIPES.items():
        _print_null(algorithm, measure(None, recipe, seeds=SEEDS[algorithm]))


if __name__ == "__main__":
    main()
