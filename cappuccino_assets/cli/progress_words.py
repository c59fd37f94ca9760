"""How far a search is, in words that fit into a line of a terminal."""

from collections.abc import Mapping
from typing import Any, Final

_MIB_PER_GIB: Final = 1024
# A duration below the limit is told in this unit, of so many seconds.
_UNITS: Final = ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h"))
_SECONDS_PER_DAY: Final = 86_400


def study_name(name: str) -> str:
    """Name a study without its campaign, which is the same for all of a run."""
    return name.partition("/")[2] or name


def best_so_far(values: Mapping[str, Any]) -> str:
    """Say how good a study's best trial is; nothing before the first."""
    best = values.get("best_score")
    return "" if best is None else f"best {best:+.3f}"


def pace(values: Mapping[str, Any]) -> str:
    """Say how fast a run goes, how long it will take, and what it takes of the machine."""
    n_workers, eta_s = values["n_workers"], values.get("eta_s")
    parts = (
        f"{values['trials_per_hour']:.1f} trials/h",
        None if eta_s is None else f"{duration(eta_s)} left",
        f"{n_workers} worker{'' if n_workers == 1 else 's'}",
        f"CPU {values['cpu_percent']:.0f} %",
        f"{values['memory_mb'] / _MIB_PER_GIB:.1f} GiB",
    )
    return ", ".join(part for part in parts if part)


def line(values: Mapping[str, Any]) -> str:
    """Say all of it in one line, for a file or a pipe."""
    done = f"{study_name(values['study_name'])} {values['n_done']}/{values['n_target']}"
    return ", ".join(part for part in (done, best_so_far(values), pace(values)) if part)


def duration(seconds: float) -> str:
    """Round a duration to its unit, for example 45 min."""
    for limit, unit, name in _UNITS:
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / _SECONDS_PER_DAY:.0f} d"
