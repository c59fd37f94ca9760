"""What advice was worth to a campaign's studies: its uplift, from the ledger."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from cappuccino_assets.evaluation.confidence import ConfidenceInterval
from cappuccino_assets.evaluation.uplift import (
    MIN_ROUNDS,
    AdviceUplift,
    JudgedTrial,
    advice_uplift,
)
from cappuccino_assets.reports.search_record import advice_faults
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.profiles import profile_named
from cappuccino_assets.types import Json

_FIELDS: Final = ("round", "place", "reason")


def campaign_advice(warehouse: Warehouse, campaign: str, profile: str) -> list[Json]:
    """Compare the advised trials of each study with its own of the time.

    Args:
        warehouse: Holds the ledger.
        campaign: Name of the campaign.
        profile: Name of its profile.

    Returns:
        One row per study that was advised, or whose advisor failed: study_name, `trials` (number,
        state, score, round, place and reason of each advised one that ended), `uplift` (None where
        no round can be compared), `faults` (round and fault of each in which the advisor failed)
        and `text`.
    """
    every = profile_named(profile).advise_every
    if every is None:
        return []
    rows = warehouse.query("campaign_ledger_trials", {"campaign": campaign}).to_dicts()
    trials = [row | {"advice": json.loads(row["outcome"]).get("advice")} for row in rows]
    faults = advice_faults(warehouse.layout, campaign)
    names = dict.fromkeys([row["study_name"] for row in trials if row["advice"]] + [*faults])
    return [
        _study(name, [row for row in trials if row["study_name"] == name], window=every // 2)
        | {"faults": faults.get(name, [])}
        for name in names
    ]


def _study(study_name: str, rows: Sequence[Json], *, window: int) -> Json:
    judged = [
        JudgedTrial(
            number=row["number"],
            score=row["score"],
            round=row["advice"]["round"] if row["advice"] else None,
            is_pruned=row["state"] == "PRUNED",
        )
        for row in rows
    ]
    found = advice_uplift(judged, window=window)
    return {
        "study_name": study_name,
        "trials": [
            {name: row[name] for name in ("number", "state", "score")}
            | {name: row["advice"][name] for name in _FIELDS}
            for row in rows
            if row["advice"]
        ],
        "uplift": None if found is None else asdict(found),
        "text": _in_words(found),
    }


def _in_words(found: AdviceUplift | None) -> str:
    if found is None:
        return "No round of advice can be compared: nothing is known of its worth."
    lost = (
        f" Pruned or failed, and not in the mean: {found.n_advised_lost} and {found.n_own_lost}."
        if found.n_advised_lost or found.n_own_lost
        else ""
    )
    return (
        f"{found.n_advised} advised trials of {found.n_rounds} rounds scored "
        f"{found.uplift:+.3f} more on average than the study's own {found.n_own} of the time, and "
        f"more in {found.better:.0%} of pairs. {_verdict(found.interval)}{lost}"
    )


def _verdict(interval: ConfidenceInterval | None) -> str:
    if interval is None:
        return f"Too few rounds for a verdict: it takes {MIN_ROUNDS}."
    if interval.low > 0:
        verdict = "Advice was worth something here"
    elif interval.high < 0:
        verdict = "Advice did harm here"
    else:
        verdict = "Nothing is shown"
    return (
        f"{verdict}: the interval is {interval.low:+.3f} to {interval.high:+.3f} "
        f"({interval.confidence:.0%})."
    )
