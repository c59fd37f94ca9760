"""What a proof found."""

from dataclasses import dataclass

from cappuccino_assets.proofs.records import Difference
from cappuccino_assets.types import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was recomputed and compared.

    Attributes:
        name: What was compared, and how.
        n_cuts: At how many times, splits or runs.
        n_rows: Rows compared, over all of them.
        difference: The first number that is not the same; nothing is compared after it.
    """

    name: str
    n_cuts: int
    n_rows: int
    difference: Difference | None = None

    @property
    def holds(self) -> bool:
        """Whether something was compared, and all of it is the same."""
        return self.difference is None and self.n_rows > 0

    @property
    def verdict(self) -> str:
        """The result in words."""
        if self.difference is not None:
            return str(self.difference)
        return "holds" if self.n_rows else "nothing was compared"

    def to_json(self) -> Json:
        """Write every field, and whether it holds."""
        return {
            "name": self.name,
            "n_cuts": self.n_cuts,
            "n_rows": self.n_rows,
            "holds": self.holds,
            "difference": None if self.difference is None else self.difference.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """All checks of one history.

    Attributes:
        cuts: How many times of each kind the history was cut at.
        checks: In the order of the pipeline.
    """

    cuts: dict[str, int]
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Whether every check holds."""
        return all(check.holds for check in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        """Checks that do not hold."""
        return tuple(check for check in self.checks if not check.holds)

    def to_json(self) -> Json:
        """Write everything."""
        return {
            "holds": self.holds,
            "cuts": self.cuts,
            "checks": [check.to_json() for check in self.checks],
        }
