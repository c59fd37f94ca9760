"""What each setting does to learning, one changed at a time, on markets 0 to 5 and 20 to 29."""

import sys
from dataclasses import replace
from typing import Final

import torch

from bench.planted_learning import RECIPES, lower_bound, measure
from bench.planted_population import Recipe
from cappuccino_assets.agents.ddqn import DDQNConfig
from cappuccino_assets.agents.ppo import PPOConfig
from cappuccino_assets.market.sources.simulated import Strength

DEVELOPMENT_SEEDS: Final = (*range(6), *range(20, 30))
Changes = dict[str, Recipe]


def ppo_variants(recipe: Recipe, agent: PPOConfig) -> Changes:
    """Return the recipe, and copies of it that differ in what their name says."""
    return {
        "as it is": recipe,
        "gamma 0.98": replace(recipe, agent=replace(agent, gamma=0.98)),
        "gae_lambda 0.95": replace(recipe, agent=replace(agent, gae_lambda=0.95)),
        "gamma 0.98, gae_lambda 0.95": replace(
            recipe, agent=replace(agent, gamma=0.98, gae_lambda=0.95)
        ),
        "lookback 3": replace(recipe, lookback=3),
        "hold_threshold 0.6": replace(recipe, hold_threshold=0.6),
    }


def ddqn_variants(recipe: Recipe, agent: DDQNConfig) -> Changes:
    """Return the recipe, and copies of it that differ in what their name says."""
    return {
        "as it is": recipe,
        "n_step 3": replace(recipe, agent=replace(agent, n_step=3)),
        "gamma 0.8": replace(recipe, agent=replace(agent, gamma=0.8)),
        "gamma 0.95": replace(recipe, agent=replace(agent, gamma=0.95)),
        "lookback 3": replace(recipe, lookback=3),
        "hold_threshold 0.1": replace(recipe, hold_threshold=0.1),
        "trade_fraction 1": replace(recipe, trade_fraction=1.0),
    }


def variants(algorithm: str) -> Changes:
    """Look up the variants of an algorithm's recipe."""
    recipe = RECIPES[algorithm]
    if isinstance(recipe.agent, PPOConfig):
        return ppo_variants(recipe, recipe.agent)
    return ddqn_variants(recipe, recipe.agent)


def main(algorithms: list[str]) -> None:
    torch.set_num_threads(1)
    print(
        "| algorithm | setting | share of the oracle | less two standard errors | turnover a day |"
    )
    print("|---|---|---|---|---|")
    for algorithm in algorithms:
        for name, recipe in variants(algorithm).items():
            found = measure(Strength.STRONG, recipe, seeds=DEVELOPMENT_SEEDS, n_trainings=1)
            cells = (f"{found.share:.2f}", f"{lower_bound(found):.2f}", f"{found.turnover:.2f}")
            print("|", " | ".join((algorithm, name, *cells)), "|", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or [*RECIPES])
