import torch

from cappuccino_assets.envs.volume import VolumeWindow


def test_a_trade_counts_for_the_bars_of_the_window_and_no_longer():
    window = VolumeWindow(3, (1, 1), "cpu")
    traded = [7.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0]
    total, volumes = torch.zeros(1, 1, dtype=torch.float64), []
    for age, usd in enumerate(traded):
        volumes.append(window.volume(total, torch.tensor([[age]])).item())
        total = total + usd
    assert volumes == [0.0, 7.0, 7.0, 7.0, 5.0, 5.0, 5.0, 0.0]


def test_a_new_account_has_no_volume_although_the_window_remembers_another():
    window = VolumeWindow(2, (1, 1), "cpu")
    for age in range(5):
        window.volume(torch.tensor([[100.0 * age]]).double(), torch.tensor([[age]]))
    zero = torch.zeros(1, 1, dtype=torch.float64)
    assert window.volume(zero, torch.tensor([[0]])).item() == 0.0
    assert window.volume(zero + 3, torch.tensor([[1]])).item() == 3.0
