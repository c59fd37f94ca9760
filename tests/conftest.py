import pytest
import torch
from hypothesis import HealthCheck, settings

# How fast a machine is says nothing about whether a rule holds.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(autouse=True, scope="session")
def _one_thread_as_in_a_worker() -> None:
    """Several threads under load take ten times as long; and a worker has one."""
    torch.set_num_threads(1)
