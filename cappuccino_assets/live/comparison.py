"""What came of holding an ensemble against the one that it would replace."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.evaluation.performance import Performance
from cappuccino_assets.storage.files import canonical_json, read_object, sha256_of, write_json
from cappuccino_assets.types import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One of the two ensembles.

    Attributes:
        campaign: Whose search found its members.
        member_set: Digest of their studies and numbers.
        performance: What it did on the bars; None where they could not be compared.
    """

    campaign: str
    member_set: str
    performance: Performance | None

    def to_json(self) -> Json:
        """Write as JSON values."""
        measures = None if self.performance is None else self.performance.to_json()
        return asdict(self) | {"performance": measures}

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote."""
        measures = value["performance"]
        performance = None if measures is None else Performance.from_json(measures)
        return cls(**value | {"performance": performance})


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedBars:
    """The bars on which both were traded, which neither was trained on.

    Attributes:
        dataset_digest: Of the candidate's campaign.
        interval: Length of a bar.
        begins_at: Open of the first one, ISO 8601 UTC.
        ends_at: Close of the last one.
    """

    dataset_digest: str
    interval: str
    begins_at: str
    ends_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A candidate beside the incumbent, and which of them is to trade.

    Attributes:
        candidate: The ensemble that would be published.
        incumbent: The one in force.
        incumbent_generation: Its generation.
        compared_at: UTC, ISO 8601.
        bars: What both traded; None where they could not be compared.
        hindrance: Why they could not be compared; None where they were.
        replaces: Whether the candidate replaces the incumbent.
    """

    candidate: Contender
    incumbent: Contender
    incumbent_generation: int
    compared_at: str
    bars: ComparedBars | None
    hindrance: str | None
    replaces: bool

    def __post_init__(self) -> None:
        """Refuse a verdict that is not the one of the numbers.

        Raises:
            ValueError: The rule that is broken.
        """
        new, old = self.candidate.performance, self.incumbent.performance
        measured = [each is not None for each in (new, old, self.bars)]
        if any(measured) is not all(measured) or any(measured) is (self.hindrance is not None):
            raise ValueError("Two ensembles were compared on some bars, or something hindered it.")
        if new and old and self.replaces is not is_better(new, old):
            raise ValueError("A candidate replaces the incumbent if it is better, and only then.")

    @property
    def text(self) -> str:
        """Both numbers, or what hindered it, and the verdict."""
        ours = f"The ensemble of {self.candidate.campaign}"
        theirs = f"generation {self.incumbent_generation} of {self.incumbent.campaign}"
        verdict = "replaces" if self.replaces else "does not replace"
        new, old = self.candidate.performance, self.incumbent.performance
        if new is None or old is None or self.bars is None:
            return f"{ours} {verdict} {theirs}, for they cannot be compared: {self.hindrance}"
        return (
            f"{ours} {verdict} {theirs}: its Sharpe ratio above buy and hold is "
            f"{new.excess_sharpe:+.3f}, the other's {old.excess_sharpe:+.3f}, on {new.n_bars} bars "
            f"of {self.bars.interval} up to {self.bars.ends_at[:16]} UTC."
        )

    def to_json(self) -> Json:
        """Write as JSON values, the text included."""
        contenders = {name: getattr(self, name).to_json() for name in ("candidate", "incumbent")}
        return asdict(self) | contenders | {"text": self.text}

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote.

        Raises:
            KeyError: If a value is missing.
            TypeError: If one is unknown.
            ValueError: If the verdict is not the one of the numbers.
        """
        stated = {name: each for name, each in value.items() if name != "text"}
        bars = stated["bars"]
        read = {name: Contender.from_json(stated[name]) for name in ("candidate", "incumbent")}
        return cls(**stated | read | {"bars": None if bars is None else ComparedBars(**bars)})


def is_better(candidate: Performance, incumbent: Performance) -> bool:
    """Whether a candidate did strictly better; one that never traded has shown nothing."""
    return candidate.n_trades > 0 and candidate.excess_sharpe > incumbent.excess_sharpe


def keep_comparison(path: Path, comparison: Comparison) -> None:
    """Keep a comparison, with a digest of it."""
    content = comparison.to_json()
    write_json(path, content | {"digest": _digest(content)})


def read_comparison(path: Path) -> Comparison:
    """Read a comparison that was kept.

    Raises:
        IntegrityError: If it is damaged, or was edited.
    """
    content = read_object(path)
    if content.pop("digest", None) != _digest(content):
        raise IntegrityError(f"{path}: its digest is not that of its content.")
    try:
        return Comparison.from_json(content)
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"{path} keeps no comparison: {error}") from error


def _digest(content: Json) -> str:
    return sha256_of(canonical_json(content).encode())
