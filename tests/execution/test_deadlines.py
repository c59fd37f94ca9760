import torch

from cappuccino_assets.execution.deadlines import bars_into_cycle


def test_cycles_follow_each_other_from_the_first_decision():
    into = bars_into_cycle(torch.arange(8), torch.tensor(3))
    assert into.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
