"""What a line of the trial ledger says, and what makes two of them the same."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from cappuccino_assets.storage.files import canonical_json
from cappuccino_assets.storage.trial_files import FINISHED
from cappuccino_assets.types import Json

Identity = tuple[str, int, str, str]


class LedgerKind(StrEnum):
    """What happened."""

    TRIAL = "trial"
    RETRAIN = "retrain"
    HOLDOUT_OPENING = "holdout_opening"
    GATE_DECISION = "gate_decision"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One thing that was tried, looked at or decided, and what came of it.

    Attributes:
        kind: What happened.
        campaign: Name of the campaign.
        study_name: The study of the trial that it happened to.
        number: The trial's number in it.
        key: What distinguishes it from others of its kind that happened to the same trial, such as
            a seed or a range of bars; empty for the trial itself, of which there is one.
        outcome: What came of it, as JSON. A trial's has `state`: COMPLETE, PRUNED or FAIL.
    """

    kind: LedgerKind
    campaign: str
    study_name: str
    number: int
    key: str = ""
    outcome: Json

    def __post_init__(self) -> None:
        """Refuse what has no identity, or cannot be written.

        Raises:
            ValueError: The rule, and the value that breaks it.
        """
        if self.kind not in tuple(LedgerKind):
            raise ValueError(f"A row is one of {[*LedgerKind]}, but got {self.kind!r}.")
        if not self.campaign or {"", ".", ".."} & set(self.study_name.split("/")):
            raise ValueError(f"A row names its campaign and its study, but got {self}.")
        if type(self.number) is not int or self.number < 0:
            raise ValueError(f"Trials are numbered from 0, but got {self.number=}.")
        if bool(self.key) is (self.kind is LedgerKind.TRIAL):
            raise ValueError(f"Every row but a trial's has a key, but got {self.key!r} of {self}.")
        state = self.outcome.get("state")
        if self.kind is LedgerKind.TRIAL and state not in FINISHED:
            raise ValueError(f"A trial ends as one of {FINISHED}, but got {state!r}.")
        canonical_json(self.outcome)

    @property
    def identity(self) -> Identity:
        """What no two lines of a ledger share: study, number, kind and key."""
        return self.study_name, self.number, self.kind.value, self.key

    @property
    def name(self) -> str:
        """Its identity for people."""
        trial = f"trial {self.number} of {self.study_name}"
        return trial if self.kind is LedgerKind.TRIAL else f"{self.kind} {self.key!r} of {trial}"

    def to_json(self) -> Json:
        """Write as JSON values."""
        return {
            "kind": self.kind.value,
            "campaign": self.campaign,
            "study_name": self.study_name,
            "number": self.number,
            "key": self.key,
            "outcome": self.outcome,
        }

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: If the fields are others, or break a rule.
            TypeError: If one of them has another type.
        """
        return cls(**value | {"kind": LedgerKind(value.get("kind", ""))})
