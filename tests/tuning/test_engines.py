"""Which engine the settings choose."""

import pytest

from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.settings import read_settings
from cappuccino_assets.tuning.engines import engine_of
from cappuccino_assets.tuning.pools import local_pool
from cappuccino_assets.tuning.ray_pool import RayCluster


def test_workers_run_here_unless_told_otherwise() -> None:
    assert engine_of(read_settings()) is local_pool


def test_a_cluster_is_the_one_of_the_settings() -> None:
    settings = read_settings(engine="ray", ray_address="head:7000", ray_gpus_per_worker=0.25)
    expected = RayCluster(address="head:7000", gpus_per_worker=0.25)
    assert engine_of(settings).__self__ == expected  # type: ignore[attr-defined]


@pytest.mark.parametrize("address", ["auto", "head", ":6379", "head:", "ray://head"])
def test_an_address_without_host_or_port_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="ray_address"):
        read_settings(ray_address=address)
    with pytest.raises(ValueError, match="HOST:PORT"):
        RayCluster(address=address)


def test_gpus_are_not_fewer_than_none() -> None:
    with pytest.raises(ValueError, match="gpus_per_worker=-1"):
        RayCluster(address="head:6379", gpus_per_worker=-1)
