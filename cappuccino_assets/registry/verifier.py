"""Whether an archive entry is what its bars, weights, trials and ledger come to."""

from dataclasses import dataclass
from typing import Final

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.registry import (
    verification_judgement,
    verification_market,
    verification_record,
    verification_training,
)
from cappuccino_assets.registry.verification import Case, Check, Step, Verdict, run_steps
from cappuccino_assets.registry.vin import parse
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json

_RECORD = verification_record
_MARKET = verification_market
_JUDGED = verification_judgement
_TRAINED = verification_training

_AGAIN: Final = ("metadata", "judged again")

_STEPS: Final = (
    Step(name="metadata", run=_RECORD.metadata),
    Step(name="entry", run=_RECORD.entry),
    Step(name="database", needs=("metadata",), run=_RECORD.database),
    Step(name="ledger", run=_RECORD.ledger),
    Step(name="trial", needs=("metadata", "ledger"), run=_RECORD.trial),
    Step(name="trials of the campaign", needs=("metadata", "ledger"), run=_RECORD.rivals),
    Step(name="study", needs=("metadata",), run=_RECORD.plan),
    Step(name="model", needs=("metadata",), run=_RECORD.model),
    Step(name="configuration", needs=("metadata", "study", "model"), run=_RECORD.configuration),
    Step(name="returns", needs=("metadata", "ledger"), run=_RECORD.returns),
    Step(name="splits", needs=("metadata", "returns"), run=_RECORD.splits),
    Step(name="grade", needs=("metadata", "model", "splits"), run=_RECORD.graded),
    Step(name="bars", needs=("metadata", "study"), run=_MARKET.bars),
    Step(name="features", needs=("bars",), run=_MARKET.features),
    Step(name="contract", needs=("model", "features", "study"), run=_MARKET.contract),
    Step(
        name="traded again",
        needs=("metadata", "model", "features", "study", "configuration", "contract"),
        run=_JUDGED.traded,
    ),
    Step(name="retrains", needs=("metadata", "study"), run=_JUDGED.retrained),
    Step(
        name="judged again",
        needs=(
            "metadata",
            "model",
            "traded again",
            "retrains",
            "ledger",
            "trial",
            "trials of the campaign",
        ),
        run=_JUDGED.judged,
    ),
    Step(name="hold-out", needs=("metadata", "judged again"), run=_JUDGED.holdout),
    Step(name="kept hold-out", needs=("traded again",), run=_JUDGED.kept_holdout),
    Step(name="costs", needs=("metadata", "judged again"), run=_JUDGED.costs),
    Step(name="evidence of the campaign", needs=("metadata", "judged again"), run=_JUDGED.campaign),
    Step(
        name="evidence of the trial", needs=("metadata", "judged again"), run=_JUDGED.trial_evidence
    ),
    Step(name="other seeds", needs=("metadata", "judged again"), run=_JUDGED.retrains),
    Step(name="gate", needs=("metadata", "judged again"), run=_JUDGED.gate),
    Step(
        name="decision on record",
        needs=("metadata", "ledger", "model", "judged again", "retrains"),
        run=_JUDGED.decisions,
    ),
)
_TRAINING: Final = (
    Step(name="trained again", needs=("metadata", "study", "features"), run=_TRAINED.trained),
    Step(
        name="other seeds trained again",
        needs=("metadata", "study", "features", "retrains"),
        run=_TRAINED.other_seeds,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What became of every check of an entry.

    Attributes:
        vin: The entry.
        checks: In the order in which they build on each other.
    """

    vin: str
    checks: tuple[Check, ...]

    @property
    def failures(self) -> tuple[Check, ...]:
        """Checks that failed; what only builds on one of them is not among them."""
        return tuple(check for check in self.checks if check.verdict is Verdict.FAILED)

    @property
    def holds(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def to_json(self) -> Json:
        """Write as JSON values."""
        checks = [check.to_json() for check in self.checks]
        return {"vin": self.vin, "holds": self.holds, "checks": checks}


def verify(warehouse: Warehouse, vin: str, *, retrain: bool = False) -> Verification:
    """Compute an archive entry again from the bars on, and compare every number bit for bit.

    Nothing is written. What the entry was made from must be in the same warehouse: its campaign's
    bars, trials and ledger.

    Args:
        warehouse: Holds the entry.
        vin: Its code.
        retrain: Whether to train its trial, and its configuration with other seeds, once more.

    Raises:
        VinError: If the code is none.
        WarehouseError: If the archive has no such entry.
    """
    parse(vin)
    case = Case(warehouse=warehouse, vin=vin)
    if not case.path.is_dir():
        raise WarehouseError(f"The archive {case.layout.archive} has no entry {vin}.")
    steps = (*_STEPS, *_TRAINING) if retrain else _STEPS
    return Verification(vin=vin, checks=tuple(run_steps(case, steps)))
