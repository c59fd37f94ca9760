"""Memory of one process over a long study: it must not grow from trial to trial."""

import multiprocessing
import os
from dataclasses import dataclass, replace

import numpy as np
import optuna
import torch

from bench.study import empty_warehouse, plan_of, search_arrays
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.joining import top_up
from cappuccino_assets.tuning.objective import run_trial
from cappuccino_assets.tuning.pruning import Pruner
from cappuccino_assets.tuning.ranges import search_space
from cappuccino_assets.tuning.spaces import Constant, Consumer
from cappuccino_assets.tuning.studies import study_storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident memory in MiB after each trial."""

    each_mib: tuple[float, ...]

    @property
    def growth(self) -> float:
        """Last quarter against the second, as a fraction; the first one fills caches."""
        quarter = len(self.each_mib) // 4
        before, after = self.each_mib[quarter : 2 * quarter], self.each_mib[-quarter:]
        return float(np.median(after) / np.median(before) - 1)


def memory_over(n_trials: int) -> Memory:
    """Run a study of small, real trials in a process of its own, and watch it."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return Memory(each_mib=tuple(pool.apply(_study, (n_trials,))))


def _study(n_trials: int) -> list[float]:
    torch.set_num_threads(1)
    short = (
        Constant(name="break_step", value=512, consumer=Consumer.TRIAL),
        Constant(name="target_step", value=256, consumer=Consumer.AGENT),
    )
    space = replace(search_space(phase=1, algorithm="ppo", ranges="mini"), constants=short)
    search = search_arrays(220, enhanced=False)
    plan = plan_of(search, space, n_trials=n_trials)
    each: list[float] = []

    def objective(params: dict[str, Value], number: int, prune: Pruner | None) -> float:
        return float(run_trial(plan, params, number, search, layout, prune=prune)["score"])

    def watch(_: optuna.Study) -> None:
        each.append(_resident_mib())

    with empty_warehouse() as layout, study_storage(layout) as storage:
        top_up(plan, layout, storage, objective, on_trial=watch)
    return each


def _resident_mib() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
