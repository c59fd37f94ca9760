"""The device of a training: chosen once, and written down with what it computed."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.training.compute import DeviceChoice, Precision
from cappuccino_assets.types import Json


def choose_device(asked: DeviceChoice) -> torch.device:
    """Find the device that was asked for.

    Args:
        asked: `auto` is the first GPU where torch finds one, and the CPU elsewhere.

    Raises:
        ConfigurationError: If a GPU is asked for, but torch finds none.
    """
    has_gpu = torch.cuda.is_available()
    if asked == "cuda" and not has_gpu:
        build = "no CUDA" if torch.version.cuda is None else f"CUDA {torch.version.cuda}"
        raise ConfigurationError(
            f"The device cuda is asked for, but torch {torch.__version__} (built with {build}) "
            "finds no GPU. Choose the device cpu or auto (--device, CAPPUCCINO_DEVICE), or "
            "install NVIDIA's driver and a build of torch with CUDA."
        )
    return torch.device("cuda", 0) if has_gpu and asked != "cpu" else torch.device("cpu")


def describe_device(device: torch.device, precision: Precision) -> Json:
    """Say what computes: results agree bit for bit only where all of it is the same.

    Returns:
        device, device_name, torch (its version), n_threads and precision.
    """
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return {
        "device": str(device),
        "device_name": name,
        "torch": torch.__version__,
        "n_threads": torch.get_num_threads(),
        "precision": precision,
    }


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: several share the sums of a wide network, and its last bits differ."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
