"""The archive: the best models of every campaign, each whole, verified and written once."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.registry.entries import (
    ArchiveEntry,
    entries_in,
    verify_entry,
    write_entry,
)
from cappuccino_assets.registry.finalists import Finalist, finalist_of_trial
from cappuccino_assets.registry.grading import grade
from cappuccino_assets.registry.selection import ArchiveRule
from cappuccino_assets.storage.files import write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.locks import exclusive
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json

DEFAULT_RULE: Final = ArchiveRule()

Judge = Callable[[Sequence[Finalist]], Iterable[Json]]
"""Says of each finalist what its entry stores: `gated`, `gate_reason` and whatever led to them."""


def archive_trials(
    layout: WarehouseLayout,
    warehouse: Warehouse,
    campaign: str,
    judge: Judge,
    rule: ArchiveRule = DEFAULT_RULE,
) -> list[ArchiveEntry]:
    """Archive the final fits of a campaign's best trials; doing it twice changes nothing.

    Args:
        layout: Where everything lies.
        warehouse: Holds the campaign's trials.
        campaign: Name of the campaign.
        judge: Judges those that have no entry yet, all at once.
        rule: What a trial must reach.

    Returns:
        The entries of the chosen trials, best first; none where no trial reaches the rule.

    Raises:
        IntegrityError: If a chosen trial has no whole model, or an entry is damaged.
    """
    with exclusive(layout.archive_lock):
        completed = warehouse.query("archive_candidates", {"campaign": campaign}).to_dicts()
        chosen = rule.select(completed)
        known = {_key(entry.metadata): entry for entry in entries_in(layout.archive)}
        missing = [trial for trial in chosen if _key(trial) not in known]
        finalists = [_finalist(layout, trial, rule) for trial in missing]
        judgements = judge(finalists) if finalists else []
        for finalist, judgement in zip(finalists, judgements, strict=True):
            entry = _write(layout, finalist, judgement, rule)
            known[_key(entry.metadata)] = entry
        record_archive(layout, warehouse)
    return [known[_key(trial)] for trial in chosen]


def record_archive(layout: WarehouseLayout, warehouse: Warehouse) -> list[ArchiveEntry]:
    """Bring the warehouse's table up to the entries on disk, and export trial_registry.json.

    Raises:
        IntegrityError: If an entry is damaged, or is not what the warehouse already says of it.
    """
    entries = list(entries_in(layout.archive))
    recorded = _recorded(warehouse) if layout.database.is_file() else {}
    for entry in entries:
        _require_recorded(entry, recorded.get(entry.vin, {}))
    reasons = [row for entry in entries for row in entry.gate_rows()]
    rows_of_entries = [entry.row() for entry in entries]
    warehouse.merge({"archive_entries": rows_of_entries, "gate_reasons": reasons})
    rows = warehouse.query("archive_entries").to_dicts()
    write_json(layout.trial_registry, {"entries": [_as_json(row) for row in rows]})
    return entries


def verify_archive(layout: WarehouseLayout, warehouse: Warehouse) -> list[ArchiveEntry]:
    """Verify every entry, and that disk and warehouse hold the same ones.

    Raises:
        IntegrityError: Names the first entry at fault.
    """
    entries = list(entries_in(layout.archive))
    on_disk = {entry.vin: entry.row() for entry in entries}
    recorded = _recorded(warehouse)
    for vin in sorted(on_disk | recorded):
        if on_disk.get(vin) != recorded.get(vin):
            raise IntegrityError(f"Disk and warehouse disagree on the archive entry {vin}.")
    return entries


def _recorded(warehouse: Warehouse) -> dict[str, Json]:
    return {row["vin"]: row for row in warehouse.query("archive_entries").to_dicts()}


def _require_recorded(entry: ArchiveEntry, recorded: Json) -> None:
    row = entry.row()
    for name, value in recorded.items():
        if row[name] != value:
            raise IntegrityError(
                f"The archive entry {entry.vin} says that {name} is {row[name]}, "
                f"but the warehouse says {value}."
            )


def _finalist(layout: WarehouseLayout, trial: Json, rule: ArchiveRule) -> Finalist:
    study_name, number = trial["study_name"], trial["number"]
    finalist = finalist_of_trial(layout.trial(study_name, number), trial, rule.thresholds)
    path = layout.archive / finalist.vin
    if path.exists():
        other = verify_entry(path).identity
        raise IntegrityError(
            f"{finalist.vin} already names trial {other[1]} of {other[0]!r}; "
            f"trial {number} of {study_name!r} cannot have the same code."
        )
    return finalist


def _write(
    layout: WarehouseLayout, finalist: Finalist, judgement: Json, rule: ArchiveRule
) -> ArchiveEntry:
    trial = finalist.trial
    metadata = trial | {
        "vin": finalist.vin,
        "grade": grade(trial["score"], rule.thresholds),
        "grade_thresholds": rule.thresholds.to_json(),
        "minimum_score": rule.minimum_score,
        "below_threshold": trial["score"] < rule.minimum_score,
        "admitted_as": "rule" if rule.admits(trial["score"]) else "kept_for_show",
        "archived_at": datetime.now(UTC).isoformat(),
        **judgement,
    }
    folder = layout.trial(trial["study_name"], trial["number"])
    return write_entry(layout.archive / finalist.vin, trial_folder=folder, metadata=metadata)


def _key(row: Json) -> tuple[str, int, str]:
    return row["study_name"], row["number"], row["model_sha256"]


def _as_json(row: Json) -> Json:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
    }
