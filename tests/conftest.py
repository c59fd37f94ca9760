import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_thread_as_in_a_worker() -> None:
    """Several threads under load take ten times as long; and a worker has one."""
    torch.set_num_threads(1)
