"""A long study needs no more memory than a short one."""

import gc
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.memory import memory_over
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.objective import run_trial
from tests.tuning.small import DDQN_PHASE2, PPO_PHASE2, small_arrays, small_plan


@pytest.mark.parametrize(("algorithm", "params"), [("ppo", PPO_PHASE2), ("ddqn", DDQN_PHASE2)])
def test_incident_40_a_trial_leaves_no_tensor_in_memory(
    tmp_path: Path, algorithm: str, params: dict[str, object]
) -> None:
    arrays = small_arrays(1600, enhanced=True, drift=0.005)
    plan = small_plan(arrays, phase=2, algorithm=algorithm)
    search = plan.search_arrays(arrays)
    layout = WarehouseLayout(root=tmp_path)

    def held_after(number: int) -> tuple[int, int]:
        """Count tensors and arrays that are left after a trial."""
        run_trial(plan, params | {"break_step": 256}, number, search, layout)
        gc.collect()
        kinds = [type(each) for each in gc.get_objects()]
        return (
            sum(issubclass(kind, torch.Tensor) for kind in kinds),
            sum(issubclass(kind, np.ndarray) for kind in kinds),
        )

    held_after(0)
    assert held_after(1) == held_after(2)


@pytest.mark.slow
def test_incident_40_memory_over_two_hundred_trials_in_one_process_is_flat() -> None:
    memory = memory_over(200)

    assert abs(memory.growth) < 0.02  # last fifty trials against the second fifty
    assert max(memory.each_mib) < 1536
