"""Tables and goals, as text for people and as JSON for programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Cell = str | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of results, and what one must know to read it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.title}: {row} does not fit {self.columns}.")

    def markdown(self) -> str:
        lines = [f"## {self.title}", *(["", self.note] if self.note else []), ""]
        lines += _grid(self.columns, self.rows)
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One goal, and what was measured.

    Attributes:
        name: What is meant, with its setting.
        target: Bound.
        measured: None where it could not be measured here.
        bound: Whether more or less than the target is good.
        unit: Of target and measurement; empty for ratios.
        reason: Why it was not measured.
    """

    name: str
    target: float
    measured: float | None
    bound: Literal["at least", "below"]
    unit: str = ""
    reason: str = ""

    @property
    def ratio(self) -> float | None:
        """How far beyond the goal: 1 is just met, more is better."""
        if self.measured is None:
            return None
        if self.bound == "at least":
            return self.measured / self.target
        return self.target / self.measured

    @property
    def verdict(self) -> str:
        if self.ratio is None:
            return f"not measured: {self.reason}"
        return "met" if self.ratio >= 1 else "NOT met"

    def to_json(self) -> dict[str, Cell | None]:
        return asdict(self) | {"ratio": self.ratio, "verdict": self.verdict}


def goals_table(goals: Sequence[Goal]) -> Table:
    rows = [
        (goal.name, f"{goal.bound} {_quantity(goal.target, goal.unit)}")
        + (
            ("", "")
            if goal.measured is None
            else (_quantity(goal.measured, goal.unit), f"{goal.ratio:.2f}")
        )
        + (goal.verdict,)
        for goal in goals
    ]
    return Table(
        title="Goals",
        columns=("goal", "bound", "measured", "ratio", ""),
        rows=tuple(rows),
        note="The ratio is 1 where a goal is just met, and more where there is room.",
    )


def machine_table(machine: dict[str, str]) -> Table:
    return Table(title="Machine", columns=("what", "which"), rows=tuple(machine.items()))


def percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def _quantity(value: float, unit: str) -> str:
    if unit == "%":
        return percent(value)
    return f"{value:,.0f} {unit}".strip() if value >= 1000 else f"{value:.3g} {unit}".strip()


def _grid(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[str]:
    def line(cells: Sequence[Cell]) -> str:
        return "| " + " | ".join(_text(cell) for cell in cells) + " |"

    return [line(columns), "|" + "---|" * len(columns), *map(line, rows)]


def _text(cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}"
    return str(cell)
