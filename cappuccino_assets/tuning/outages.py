"""Outages of the machine, which all workers of a study wait out together."""

from typing import Final

import optuna

_OUTAGE: Final = "outage"  # attribute of a study: faults in a row, and when the last one counted
_FORGOTTEN_AFTER_S: Final = 120.0  # a search that is continued later is as patient as a new one


def note_fault(study: optuna.Study, *, now: float, pause_s: float) -> int | None:
    """Take in that memory, disk or the like gave way in a trial.

    Faults of several workers at about the same time are one: when a disk is full it fails all.

    Args:
        study: The study, whose lock is held.
        now: Seconds since 1970.
        pause_s: How long workers rest after a fault.

    Returns:
        How many faults there were in a row, pauses between them; None if this one is of the same
        time as the last.
    """
    n_in_a_row, at = _outage(study)
    since_s = now - at
    if n_in_a_row and 0 <= since_s < pause_s:
        return None
    n_in_a_row = 1 if since_s > _FORGOTTEN_AFTER_S else n_in_a_row + 1
    study.set_user_attr(_OUTAGE, [n_in_a_row, now])
    return n_in_a_row


def note_result(study: optuna.Study, *, now: float) -> None:
    """Take in that a trial came to its end: an outage is over."""
    if _outage(study)[0]:
        study.set_user_attr(_OUTAGE, [0, now])


def is_resting(study: optuna.Study, *, now: float, pause_s: float) -> bool:
    """Whether workers wait for what the machine lacks."""
    n_in_a_row, at = _outage(study)
    return n_in_a_row > 0 and 0 <= now - at < pause_s


def _outage(study: optuna.Study) -> tuple[int, float]:
    n_in_a_row, at = study.user_attrs.get(_OUTAGE, (0, 0.0))
    return int(n_in_a_row), float(at)
