"""Archive entries: folders that are whole and verified, or do not exist."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.registry.evidence import CampaignEvidence, TrialEvidence
from cappuccino_assets.registry.findings import Retrain
from cappuccino_assets.registry.gate import GateDecision
from cappuccino_assets.registry.grading import Grade, GradeThresholds, grade
from cappuccino_assets.registry.models import MODEL_FILES, read_model
from cappuccino_assets.registry.vin import Vin, VinModel, render
from cappuccino_assets.storage.files import (
    copy_file,
    new_folder,
    read_object,
    sha256_of_file,
    write_json,
)
from cappuccino_assets.tuning.config import TrialConfig
from cappuccino_assets.types import Json

METADATA: Final = "metadata.json"
CHECKSUMS: Final = "checksums.json"
RETURNS: Final = "returns.parquet"
_COPIED: Final = (*MODEL_FILES, RETURNS)
_SUMMED: Final = (*_COPIED, METADATA)
_BESIDE: Final = (
    "completed_at",
    "archived_at",
    "grade_thresholds",
    "minimum_score",
    "gate",
    "evidence",
    "holdout",
    "costs",
    "retrains",
)
_ADMITTED_AS: Final = ("rule", "kept_for_show")
_COLUMNS: Final = (
    "vin",
    "campaign",
    "study_name",
    "number",
    "algorithm",
    "timeframe",
    "interval",
    "score",
    "sharpe_bot",
    "sharpe_hodl",
    "grade",
    "below_threshold",
    "admitted_as",
    "gated",
    "gate_reason",
    "dataset_digest",
    "model_sha256",
    "contract_hash",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveEntry:
    """A verified entry.

    Args:
        path: Its folder, named by its VIN.
        metadata: Its metadata.json: the trial's result, with grade, gate and lineage.
    """

    path: Path
    metadata: Json

    @property
    def vin(self) -> str:
        """Its code."""
        return self.path.name

    @property
    def campaign(self) -> str:
        """Campaign of its trial."""
        return str(self.metadata["campaign"])

    @property
    def identity(self) -> tuple[str, int]:
        """Study and number of its trial."""
        return self.metadata["study_name"], self.metadata["number"]

    def row(self) -> Json:
        """Its row of the table `archive_entries`."""
        times = ("completed_at", "archived_at")
        return {name: self.metadata[name] for name in _COLUMNS} | {
            name: datetime.fromisoformat(self.metadata[name]) for name in times
        }

    def gate_rows(self) -> list[Json]:
        """Its rows of the table `gate_reasons`."""
        reasons = self.metadata["gate"]["reasons"]
        return [{"vin": self.vin, "place": n, **each} for n, each in enumerate(reasons, start=1)]


def write_entry(path: Path, *, trial_folder: Path, metadata: Json) -> ArchiveEntry:
    """Write an entry once; it appears whole and verified, or not at all.

    Args:
        path: Its folder, named by its VIN.
        trial_folder: Where the trial left its model and its test returns.
        metadata: Everything that is known of it.
    """
    with new_folder(path) as folder:
        for name in _COPIED:
            copy_file(trial_folder / name, folder / name)
        write_json(folder / METADATA, metadata)
        write_json(folder / CHECKSUMS, {name: sha256_of_file(folder / name) for name in _SUMMED})
        _verify(folder, vin=path.name)
    return ArchiveEntry(path=path, metadata=metadata)


def verify_entry(path: Path) -> ArchiveEntry:
    """Read an entry after checking every byte of it.

    Raises:
        IntegrityError: If a file is missing, foreign or changed, or if the files, the metadata and
            the VIN do not say the same.
    """
    return ArchiveEntry(path=path, metadata=_verify(path, vin=path.name))


def entries_in(archive: Path) -> Iterator[ArchiveEntry]:
    """Verify and read every entry of an archive, in the order of their VINs."""
    folders = sorted(archive.iterdir()) if archive.is_dir() else []
    for path in folders:
        if path.is_dir() and not path.name.startswith("."):
            yield verify_entry(path)


def vin_of(config: TrialConfig, *, sha256: str, grade: str, completed_at: str) -> str:
    """Name a model by what its typed configuration says.

    Args:
        config: What its trial was run with.
        sha256: Of its weights.
        grade: Grade of its trial's score.
        completed_at: When its trial was completed, ISO 8601.
    """
    vin = Vin(
        model=VinModel(config.algorithm.upper()),
        grade=Grade(grade),
        net_dimension=config.agent.net_dimension,
        batch_size=config.agent.batch_size,
        learning_rate=config.agent.learning_rate,
        gamma=config.agent.gamma,
        lookback=config.lookback,
        time_decay=config.reward.time_decay_floor,
        date=datetime.fromisoformat(completed_at).astimezone(UTC).date(),
        serial=sha256[:6],
    )
    return render(vin)


def _verify(folder: Path, *, vin: str) -> Json:
    _check_files(folder)
    metadata = read_object(folder / METADATA)
    required = (
        *_COLUMNS,
        "completed_at",
        "archived_at",
        "grade_thresholds",
        "minimum_score",
        "gate",
    )
    missing = [name for name in required if name not in metadata]
    if missing:
        raise IntegrityError(f"{folder / METADATA} lacks {missing[0]!r}.")
    _check_grade(folder / METADATA, metadata)
    _check_gate(folder / METADATA, metadata)
    model = read_model(
        folder, sha256=metadata["model_sha256"], contract_hash=metadata["contract_hash"]
    )
    expected = vin_of(
        model.config,
        sha256=model.sha256,
        grade=metadata["grade"],
        completed_at=metadata["completed_at"],
    )
    if not vin == metadata["vin"] == expected:
        raise IntegrityError(
            f"{folder} is named {vin} and its metadata says {metadata['vin']}, "
            f"but the model in it is {expected}."
        )
    return metadata


def _check_grade(path: Path, metadata: Json) -> None:
    score, floor = metadata["score"], metadata["minimum_score"]
    try:
        letter = grade(score, GradeThresholds.from_json(metadata["grade_thresholds"]))
        expected = {"grade": letter, "below_threshold": score < floor}
    except (TypeError, ValueError) as error:
        raise IntegrityError(f"{path}: {error}") from error
    for name, value in expected.items():
        if metadata[name] != value:
            raise IntegrityError(
                f"{path}: {name} is {metadata[name]}, but a score of {score} gives {value}."
            )
    if metadata["admitted_as"] not in _ADMITTED_AS:
        raise IntegrityError(f"{path}: admitted_as cannot be {metadata['admitted_as']!r}.")


def _check_gate(path: Path, metadata: Json) -> None:
    evidence = metadata["evidence"]
    try:
        decision = GateDecision.from_json(metadata["gate"])
        CampaignEvidence.from_json(evidence["campaign"])
        if evidence["trial"] is not None:
            TrialEvidence.from_json(evidence["trial"])
        for each in metadata["retrains"]:
            Retrain(**each)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise IntegrityError(
            f"{path}: its gate and evidence cannot be read, or are of another version: {error}"
        ) from error
    said = (metadata["gated"], metadata["gate_reason"], metadata["gate"])
    if said != (decision.gated, decision.text, decision.to_json()):
        raise IntegrityError(
            f"{path} says gated: {metadata['gated']}, but of its gate's points "
            f"{sum(not reason.passed for reason in decision.reasons)} failed."
        )


def _check_files(folder: Path) -> None:
    expected = {*_SUMMED, CHECKSUMS}
    found = {path.name: path.is_file() and not path.is_symlink() for path in folder.iterdir()}
    faults = sorted(expected ^ set(found)) + [name for name, good in found.items() if not good]
    if faults:
        raise IntegrityError(f"{folder} must hold {sorted(expected)}; at fault is {faults[0]!r}.")
    checksums = read_object(folder / CHECKSUMS)
    for name in _SUMMED:
        if checksums.get(name) != sha256_of_file(folder / name):
            raise IntegrityError(f"{folder / name} is not what {CHECKSUMS} says.")
