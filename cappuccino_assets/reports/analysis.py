"""What the best trials of a campaign's studies have in common, and what of it may be chance."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import numpy as np
import polars as pl

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.evaluation.parameter_consistency import top_three_consistency
from cappuccino_assets.evaluation.parameter_effects import (
    Impact,
    ParameterEffect,
    parameter_effects,
)
from cappuccino_assets.evaluation.parameter_importance import parameter_importances
from cappuccino_assets.evaluation.scored_trials import MIN_TRIALS, TOP_SHARE, ScoredTrials
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.seeds import derive_seed
from cappuccino_assets.types import Json

SIGNIFICANT: Final = 0.05
_STUDY: Final = ("phase", "algorithm", "timeframe", "interval")


def hyperparameter_analysis(warehouse: Warehouse, campaign: str) -> Json:
    """Compare the best tenth of each study's complete trials with the others.

    The trials are the ledger's, every one that ever ended; those without a score are counted and
    not compared. The same ledger gives the same answer.

    Args:
        warehouse: Holds the ledger.
        campaign: Name of the campaign.

    Returns:
        campaign, top_share, `studies` and `text`. A study has its counts, whether it was analysed,
        a text, and if so one row per parameter, the largest effect first; all effects are
        fractions.

    Raises:
        WarehouseError: If no trial of the campaign is in the ledger.
    """
    rows = warehouse.query("campaign_ledger_trials", {"campaign": campaign}).to_dicts()
    if not rows:
        raise WarehouseError(
            f"No trial of {campaign!r} is in the ledger of {warehouse.layout.root}: "
            "`cappuccino run` records them."
        )
    trials = [row | {"outcome": json.loads(row["outcome"])} for row in rows]
    names = dict.fromkeys(trial["study_name"] for trial in trials)
    studies = [_study([each for each in trials if each["study_name"] == name]) for name in names]
    return {
        "campaign": campaign,
        "top_share": TOP_SHARE,
        "studies": studies,
        "text": _in_all(studies),
    }


def _study(trials: Sequence[Json]) -> Json:
    complete = [trial for trial in trials if trial["state"] == "COMPLETE"]
    study = {
        "study_name": trials[0]["study_name"],
        **{name: trials[0]["outcome"].get(name) for name in _STUDY},
        "n_trials": len(trials),
        "n_complete": len(complete),
        "analysed": len(complete) >= MIN_TRIALS,
    }
    if study["analysed"]:
        return study | _analysed(complete)
    return study | {
        "text": f"{len(complete)} trials are complete; their best tenth would be fewer than "
        f"three. From {MIN_TRIALS} on there is something to compare.",
    }


def _analysed(complete: Sequence[Json]) -> Json:
    frame = pl.DataFrame(
        [
            {"trial": trial["number"], "score": trial["score"], **trial["outcome"]["params"]}
            for trial in complete
        ],
        infer_schema_length=None,
    )
    searched = frame.drop("trial", "score")
    constant = {values.name: values[0] for values in searched if values.n_unique() == 1}
    scored = ScoredTrials(frame=frame.drop(constant.keys()))
    parameters = _parameters(scored, seed=derive_seed(complete[0]["study_name"], "analysis"))
    idle = {trial["number"] for trial in complete if trial["outcome"].get("no_trades")}
    answer = {
        "n_top": scored.n_top,
        "n_top_idle": len(idle.intersection(scored.frame["trial"].head(scored.n_top))),
        "n_idle": len(idle),
        "constant": constant,
        "parameters": parameters,
        "expected_by_chance": {
            "p_below_0.05": SIGNIFICANT * len(parameters),
            "high_impact": sum(row["high_by_chance"] for row in parameters),
        },
    }
    return answer | {"text": _in_words(answer, n_complete=len(complete))}


def _parameters(scored: ScoredTrials, *, seed: int) -> list[Json]:
    random = np.random.default_rng(seed)
    effects = parameter_effects(scored, random=random)
    agreements = {each.parameter: each for each in top_three_consistency(scored, random=random)}
    importances = {each.parameter: each for each in parameter_importances(scored, random=random)}
    return [
        _described(effect)
        | {
            "importance": importances[effect.parameter].importance,
            "importance_by_chance": importances[effect.parameter].chance,
            "best_three": list(agreements[effect.parameter].values),
            "spread_of_best_three": agreements[effect.parameter].spread,
            "as_close_by_chance": agreements[effect.parameter].chance,
        }
        for effect in effects
    ]


def _described(effect: ParameterEffect) -> Json:
    values = asdict(effect)
    interval = values.pop("effect")
    return values | {
        "effect": interval["estimate"],
        "effect_low": interval["low"],
        "effect_high": interval["high"],
        "confidence": interval["confidence"],
        "impact": effect.impact.value,
    }


def _in_words(answer: Json, *, n_complete: int) -> str:
    parameters, expected = answer["parameters"], answer["expected_by_chance"]
    n_high = sum(row["impact"] == Impact.HIGH for row in parameters)
    low = [row["parameter"] for row in parameters if row["p_value"] < SIGNIFICANT]
    return (
        f"The best {answer['n_top']} of {n_complete} complete trials against the others, in "
        f"{len(parameters)} parameters at once. High impact: {n_high}, of which chance alone gives "
        f"{expected['high_impact']:.1f}. p below {SIGNIFICANT}: {len(low)}, of which chance gives "
        f"{expected['p_below_0.05']:.1f}. {_conclusion(parameters)}{_idle(answer)}"
    )


def _conclusion(parameters: Sequence[Json]) -> str:
    certain, likely = (
        [row["parameter"] for row in parameters if row[name] < SIGNIFICANT]
        for name in ("holm_p_value", "bh_p_value")
    )
    if certain:
        return f"After Holm's correction for all of them there remain: {', '.join(certain)}."
    if likely:
        return (
            "After Holm's correction none remains; of those that Benjamini and Hochberg's leaves "
            f"a twentieth is expected to be false: {', '.join(likely)}."
        )
    return "Corrected for all of them none remains: nothing here is shown to matter."


def _idle(answer: Json) -> str:
    n_idle = answer["n_top_idle"]
    if not n_idle:
        return ""
    return (
        f" {n_idle} of the best {answer['n_top']} did not trade in some split, so what they have "
        "in common may only be that."
    )


def _in_all(studies: Sequence[Json]) -> str:
    analysed = [study for study in studies if study["analysed"]]
    if not analysed:
        return (
            f"No study has the {MIN_TRIALS} complete trials of which a best tenth can be compared "
            "with the others: there is nothing to analyse."
        )
    shown = [_conclusion(study["parameters"]) for study in analysed]
    named = (
        f"{study['study_name'].partition('/')[2]}: {text}"
        for study, text in zip(analysed, shown, strict=True)
    )
    return " ".join(named)
