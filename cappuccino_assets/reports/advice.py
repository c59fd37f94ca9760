"""What advice was worth to a campaign's studies: its uplift, from the ledger."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import numpy as np

from cappuccino_assets.evaluation.uplift import AdviceUplift, JudgedTrial, advice_uplift
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.profiles import profile_named
from cappuccino_assets.tuning.seeds import derive_seed
from cappuccino_assets.types import Json

_FIELDS: Final = ("round", "place", "reason")


def campaign_advice(warehouse: Warehouse, campaign: str, profile: str) -> list[Json]:
    """Compare the advised trials of each study with its own of the time.

    Args:
        warehouse: Holds the ledger.
        campaign: Name of the campaign.
        profile: Name of its profile.

    Returns:
        One row per study that was advised: study_name, `trials` (number, state, score, round, place
        and reason of each that ended), `uplift` and `text`; the uplift is None where fewer than
        three can be compared.
    """
    every = profile_named(profile).advise_every
    if every is None:
        return []
    rows = warehouse.query("campaign_ledger_trials", {"campaign": campaign}).to_dicts()
    trials = [row | {"advice": json.loads(row["outcome"]).get("advice")} for row in rows]
    names = dict.fromkeys(row["study_name"] for row in trials if row["advice"])
    return [
        _study(name, [row for row in trials if row["study_name"] == name], window=every // 2)
        for name in names
    ]


def _study(study_name: str, rows: Sequence[Json], *, window: int) -> Json:
    judged = [
        JudgedTrial(
            number=row["number"],
            score=row["score"],
            round=row["advice"]["round"] if row["advice"] else None,
        )
        for row in rows
    ]
    random = np.random.default_rng(derive_seed(study_name, "uplift"))
    found = advice_uplift(judged, window=window, random=random)
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
        return "Fewer than three advised trials can be compared: nothing is known of their worth."
    uplift = found.uplift
    if uplift.low > 0:
        verdict = "Advice was worth something here."
    elif uplift.high < 0:
        verdict = "Advice did harm here."
    else:
        verdict = "Nothing is shown: the interval holds 0."
    lost = (
        f" Pruned or failed, and not compared: {found.n_advised_lost} and {found.n_own_lost}."
        if found.n_advised_lost or found.n_own_lost
        else ""
    )
    return (
        f"{found.n_advised} advised trials of {found.n_rounds} rounds scored "
        f"{uplift.estimate:+.3f} ({uplift.low:+.3f} to {uplift.high:+.3f}, "
        f"{uplift.confidence:.0%}) more on average than the study's own {found.n_own} of the "
        f"time, and more in {found.better:.0%} of pairs. {verdict}{lost}"
    )
