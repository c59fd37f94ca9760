"""What the figures were measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch

PACKAGES = ("torch", "numpy", "polars", "optuna", "dagster", "stable-baselines3", "gymnasium")


def describe_machine() -> dict[str, str]:
    """Processor, cores, memory, versions and threads, by name."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory_gib:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "GPU": "none used",
        "Python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "instructions of torch": torch.backends.cpu.get_cpu_capability(),
        "load before": f"{os.getloadavg()[0]:.1f} processes",
        "threads": f"{torch.get_num_threads()} unless said otherwise",
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = dict(line.split(":", 1) for line in lines if ":" in line)
    fields = ("model name", "cpu family", "model")
    found = {key.strip(): value.strip() for key, value in named.items()}
    name, family, model = (found.get(field, "?") for field in fields)
    return f"{name} (family {family}, model {model})"
