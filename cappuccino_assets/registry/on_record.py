"""Archive entries beside the ledger: no gate is passed that is not on record."""

from collections.abc import Sequence

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.registry.entries import ArchiveEntry
from cappuccino_assets.storage.files import canonical_json, sha256_of
from cappuccino_assets.storage.ledger_rows import LedgerKind
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json


def decision_key(vin: str, n_trials: int, decision: Json) -> str:
    """Name a decision: whose, as the best of how many, and its digest."""
    return f"{vin} of {n_trials} trials: {sha256_of(canonical_json(decision).encode())[:16]}"


def require_on_record(entries: Sequence[ArchiveEntry], warehouse: Warehouse) -> int:
    """Compare what entries say of gate and hold-out with what the ledger says.

    Args:
        entries: Verified ones.
        warehouse: Holds the ledger.

    Returns:
        How many decisions are on record.

    Raises:
        IntegrityError: Names the first entry whose decision or opening is another one, or missing,
            or was made when fewer trials were known than its campaign has.
    """
    ledger = TrialLedger(warehouse)
    rows = [line.row for line in ledger.copied_lines()]
    opened = {r.outcome.get("vin") for r in rows if r.kind is LedgerKind.HOLDOUT_OPENING}
    by_identity = {row.identity: row.outcome for row in rows}
    for entry in entries:
        n_trials, campaign = entry.metadata["evidence"]["campaign"]["n_trials"], entry.campaign
        if n_trials != (n_known := ledger.n_trials(campaign)):
            raise IntegrityError(
                f"{entry.vin} was judged as the best of {n_trials} trials, but {campaign} has "
                f"{n_known}."
            )
        key = decision_key(entry.vin, n_trials, entry.metadata["gate"])
        decision = by_identity.get((*entry.identity, LedgerKind.GATE_DECISION.value, key))
        if decision != entry.metadata["gate"]:
            raise IntegrityError(f"The ledger has another gate decision than {entry.vin}, or none.")
        if entry.vin not in opened:
            raise IntegrityError(f"The ledger has no opening of the hold-out for {entry.vin}.")
    return len(entries)
