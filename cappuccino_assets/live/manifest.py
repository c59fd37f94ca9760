"""The ensemble manifest: which models trade together, and how to tell that they are the ones."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from math import isfinite
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal, TypeVar

from cappuccino_assets.errors import IntegrityError, ManifestError, VinError
from cappuccino_assets.features.contract import FeatureContract
from cappuccino_assets.live.comparison import Comparison
from cappuccino_assets.market.intervals import Interval, Timeframe
from cappuccino_assets.registry.vin import parse
from cappuccino_assets.storage.files import canonical_json, read_json, sha256_of
from cappuccino_assets.storage.member_sets import member_set_digest
from cappuccino_assets.tuning.config import TrialConfig
from cappuccino_assets.types import Json

_SHA256: Final = re.compile("[0-9a-f]{64}")
_KINDS: Final[dict[Any, tuple[type, ...]]] = {
    str: (str,),
    int: (int,),
    float: (float, int),
    bool: (bool,),
    int | None: (int, NoneType),
}
_BEFORE: Final[Json] = {"compared_with": None, "rejected": [], "restores": None}  # not stated then
_Loaded = TypeVar("_Loaded", "Member", "Manifest")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketContract:
    """What all members of an ensemble share."""

    symbols: tuple[str, ...]
    interval: str
    timeframe: str
    venue: str

    @property
    def hash(self) -> str:
        """SHA-256 of its canonical JSON."""
        return sha256_of(canonical_json(asdict(self)).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One model of an ensemble.

    Args:
        vin: Its code.
        study_name: Study of its trial; a number alone identifies nothing.
        trial_number: Number of its trial in that study.
        score: Of its trial, signed.
        path: Folder of its files, relative to the manifest's.
        sha256: Of its weights.
        contract_hash: Of its feature contract.
        hyperparams_sha256: Of its configuration's canonical JSON.
        trailing_stop_pct: Sell when the price falls by this fraction from its high; 0 is off.
        gated: Whether it passed the gate.
    """

    vin: str
    study_name: str
    trial_number: int
    score: float
    path: str
    sha256: str
    contract_hash: str
    hyperparams_sha256: str
    trailing_stop_pct: float
    gated: bool

    def __post_init__(self) -> None:
        _require_types(self)
        for name in ("sha256", "contract_hash", "hyperparams_sha256"):
            _require(bool(_SHA256.fullmatch(getattr(self, name))), f"{name} is no SHA-256")
        _require(self.path == member_path(self.sha256), f"{self.path!r} is no member's folder")
        _require(parse(self.vin).serial == self.sha256[:6], f"{self.vin} names other weights")
        _require(self.trial_number >= 0, f"no trial has the number {self.trial_number}")
        _require(isfinite(self.score), f"the score {self.score} is not finite")
        _require(0 <= self.trailing_stop_pct < 1, "the trailing stop must be in [0, 1)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One generation of an ensemble.

    Args:
        generation: Counts up by one or more, from 1.
        study_name: Campaign whose phase-2 studies the members come from.
        created_at: UTC, ISO 8601.
        timeframe: Length of a trading cycle.
        interval: Length of a bar.
        members: Best first.
        market_contract_hash: Of the symbols, interval, timeframe and venue that all share.
        previous_generation: The one that this replaces; None for the first.
        aggregation: How the members' trades become one.
        admission: `paper` admits every member, `gated` only those that passed the gate.
        compared_with: How it did beside the ensemble of another campaign that it replaced; None
            where it replaced none.
        rejected: Sets of members that were rolled back from, by digest; they are not published
            again unless somebody names one.
        restores: The generation whose members it brought back; None where it is no roll-back.
    """

    generation: int
    study_name: str
    created_at: str
    timeframe: str
    interval: str
    members: tuple[Member, ...]
    market_contract_hash: str
    previous_generation: int | None
    aggregation: Literal["mean"] = "mean"
    admission: Literal["paper", "gated"] = "paper"
    compared_with: Comparison | None = None
    rejected: tuple[str, ...] = ()
    restores: int | None = None

    def __post_init__(self) -> None:
        _require_types(self)
        _require(self.interval in set(Interval), f"unknown interval {self.interval!r}")
        _require(self.timeframe in set(Timeframe), f"unknown timeframe {self.timeframe!r}")
        _require(self.generation > (self.previous_generation or 0), "generations must count up")
        _require(len(self.members) > 0, "an ensemble needs a member")
        for member in self.members:
            of_campaign = member.study_name.startswith(f"{self.study_name}/")
            _require(of_campaign, f"{member.study_name!r} is no study of {self.study_name!r}")
        identities = {(member.study_name, member.trial_number) for member in self.members}
        _require(len(identities) == len(self.members), "a trial can be a member only once")
        _require(self.aggregation == "mean", f"unknown aggregation {self.aggregation!r}")
        _require(self.admission in ("paper", "gated"), f"unknown admission {self.admission!r}")
        admitted = self.admission == "paper" or all(member.gated for member in self.members)
        _require(admitted, "a member did not pass the gate")
        self._check_way()

    def _check_way(self) -> None:
        for digest in self.rejected:
            of_digest = isinstance(digest, str) and bool(_SHA256.fullmatch(digest))
            _require(of_digest, f"rejected cannot have {digest!r}")
        _require(self.member_set not in self.rejected, "its members were rolled back from")
        restored, previous = self.restores or 0, self.previous_generation or 0
        _require(0 <= restored <= previous, f"it cannot restore generation {self.restores}")
        if self.compared_with is not None:
            candidate, replaces = self.compared_with.candidate, self.compared_with.replaces
            who = (self.study_name, self.member_set, True)
            about_it = (candidate.campaign, candidate.member_set, replaces) == who
            _require(about_it, "compared_with is not what put it in force")

    @property
    def member_set(self) -> str:
        """What tells its members from those of another, whatever else is said of them."""
        return member_set_digest((each.study_name, each.trial_number) for each in self.members)

    @property
    def scores(self) -> list[float]:
        """Of the members, signed."""
        return [member.score for member in self.members]

    def to_json(self) -> Json:
        """Describe it as stored, with the best, mean and worst score, and a digest of it all."""
        compared = None if self.compared_with is None else self.compared_with.to_json()
        content = asdict(self) | self._summary() | {"compared_with": compared}
        return content | {"digest": _digest(content)}

    @classmethod
    def from_json(cls, value: Json) -> "Manifest":
        """Read what `to_json` wrote.

        Raises:
            ManifestError: If a key is missing or unknown, a value cannot be, or one was edited.
        """
        _require(isinstance(value, dict), "it is no JSON object")
        summary = {name: value.get(name) for name in ("best_value", "mean_value", "worst_value")}
        stated = {n: v for n, v in value.items() if n not in summary and n != "digest"}
        stated = _BEFORE | stated
        members = _list(value.get("members"), "members")
        read = {
            "members": tuple(_load(Member, each) for each in members),
            "rejected": tuple(_list(stated["rejected"], "rejected sets")),
            "compared_with": _comparison(stated["compared_with"]),
        }
        manifest = _load(Manifest, stated | read)
        _require(manifest._summary() == summary, "the values are not those of the members")
        content = {name: each for name, each in value.items() if name != "digest"}
        _require(value.get("digest") == _digest(content), "its digest is not that of its content")
        return manifest

    def _summary(self) -> Json:
        return {
            "best_value": max(self.scores),
            "mean_value": sum(self.scores) / len(self.scores),
            "worst_value": min(self.scores),
        }


def member_path(sha256: str) -> str:
    """Folder of a member's files, relative to the manifest's."""
    return f"members/{sha256}"


def market_contract(contract: FeatureContract, config: TrialConfig) -> MarketContract:
    """State what a model shares with the other members of its ensemble."""
    return MarketContract(
        symbols=contract.symbols,
        interval=contract.interval.value,
        timeframe=_timeframe(contract.interval, config.rules.cycle_bars),
        venue=config.rules.fees.name,
    )


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        ManifestError: If there is none, or it is damaged.
    """
    if not path.is_file():
        raise ManifestError(f"There is no manifest at {path}: nothing was published yet.")
    try:
        return Manifest.from_json(read_json(path))
    except (IntegrityError, ManifestError) as error:
        raise ManifestError(f"{path}: {error}") from error


def _digest(content: Json) -> str:
    return sha256_of(canonical_json(content).encode())


def _timeframe(interval: Interval, cycle_bars: int | None) -> str:
    for timeframe in Timeframe:
        if timeframe.bars(interval) == cycle_bars:
            return timeframe.value
    raise ManifestError(f"No timeframe has cycles of {cycle_bars} bars of {interval.value}.")


def _load(kind: type[_Loaded], value: Any) -> _Loaded:
    names = {field.name for field in fields(kind)}
    given = set(value) if isinstance(value, dict) else set()
    for name in sorted(names ^ given):
        _require(name in given, f"{name!r} is missing")
        _require(name in names, f"{name!r} is unknown")
    try:
        return kind(**value)
    except (TypeError, VinError) as error:
        raise ManifestError(f"A manifest is refused: {error}.") from error


def _require_types(value: Member | Manifest) -> None:
    for field in fields(value):
        given, kinds = getattr(value, field.name), _KINDS.get(field.type)
        if kinds is not None:
            _require(type(given) in kinds, f"{field.name} cannot be {given!r}")


def _list(value: Any, name: str) -> Sequence[Any]:
    _require(isinstance(value, list), f"the {name} are no list")
    return list(value)


def _comparison(value: Any) -> Comparison | None:
    try:
        return None if value is None else Comparison.from_json(value)
    except (KeyError, TypeError, ValueError) as error:
        raise ManifestError(f"A manifest is refused: compared_with: {error}.") from error


def _require(true: bool, fault: str) -> None:
    if not true:
        raise ManifestError(f"A manifest is refused: {fault}.")
