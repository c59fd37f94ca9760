"""Checks that build on each other: each holds, fails with its first difference, or is not done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import polars as pl

from cappuccino_assets.errors import CappuccinoError, DifferenceError
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json

_FAULTS: Final = (  # what a damaged file may lead to, besides the errors that name it
    CappuccinoError,
    AttributeError,
    KeyError,
    OSError,
    TypeError,
    ValueError,
    pl.exceptions.PolarsError,
)


class Verdict(StrEnum):
    """What became of a check."""

    HOLDS = "holds"
    FAILED = "failed"
    NOT_DONE = "not done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One point of a verification.

    Attributes:
        name: What was looked at.
        verdict: What became of it.
        text: What was compared, or why it failed or was not done.
        difference: The first one, as `what`, `stored` and `found`; None where it holds, or where
            a file is damaged rather than different.
    """

    name: str
    verdict: Verdict
    text: str
    difference: Json | None = None

    def to_json(self) -> Json:
        """Write as JSON values; what JSON cannot hold as text."""
        return asdict(self)


class NotDoneError(Exception):
    """A check that has no meaning here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is verified.

    Attributes:
        warehouse: Holds the entry, and all that it was made from.
        vin: The entry.
    """

    warehouse: Warehouse
    vin: str

    @property
    def layout(self) -> WarehouseLayout:
        """Where everything lies."""
        return self.warehouse.layout

    @property
    def path(self) -> Path:
        """The entry's folder."""
        return self.layout.archive / self.vin


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What a check found where it holds.

    Attributes:
        value: For the checks that need it.
        text: What was compared.
    """

    value: Any = None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A check to be made.

    Attributes:
        name: Its name.
        needs: Names of the checks before it that must hold; it takes their values after the case,
            those that are not None.
        run: Raises what is at fault, or `NotDoneError`.
    """

    name: str
    needs: tuple[str, ...] = field(default=())
    run: Callable[..., Found]


def run_steps(case: Case, steps: Sequence[Step]) -> list[Check]:
    """Make checks in order; one whose needs failed is not done."""
    found: dict[str, Found] = {}
    return [_checked(case, step, found) for step in steps]


def _checked(case: Case, step: Step, found: dict[str, Found]) -> Check:
    lacking = [name for name in step.needs if name not in found]
    if lacking:
        return _check(step, Verdict.NOT_DONE, f"it builds on {lacking[0]!r}, which does not hold")
    try:
        values = [found[name].value for name in step.needs]
        found[step.name] = step.run(case, *(each for each in values if each is not None))
    except NotDoneError as error:
        return _check(step, Verdict.NOT_DONE, str(error))
    except DifferenceError as error:
        difference = {name: _plain(getattr(error, name)) for name in ("what", "stored", "found")}
        return _check(step, Verdict.FAILED, str(error), difference)
    except _FAULTS as error:
        kind = "" if isinstance(error, CappuccinoError) else f"{type(error).__name__}: "
        return _check(step, Verdict.FAILED, f"{kind}{error}")
    return _check(step, Verdict.HOLDS, found[step.name].text)


def _check(
    step: Step, verdict: Verdict, text: str, difference: Mapping[str, Any] | None = None
) -> Check:
    kept = None if difference is None else dict(difference)
    return Check(name=step.name, verdict=verdict, text=text, difference=kept)


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
