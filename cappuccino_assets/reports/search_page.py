"""The part of a report that looks at a search as a whole."""

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from cappuccino_assets.registry.evidence import CampaignEvidence
from cappuccino_assets.reports.campaign_record import CampaignRecord
from cappuccino_assets.reports.figures_parameters import parameters_figure
from cappuccino_assets.reports.figures_trials import (
    logits_figure,
    luck_figure,
    overfitting_gauge,
    scores_figure,
)
from cappuccino_assets.reports.markup import Element, element, figure, joined, table
from cappuccino_assets.reports.report_words import certifiable_words
from cappuccino_assets.types import Json

_NO_ANALYSIS: Final = (
    "What the best trials have in common was not analysed: materialise `hyperparameter_analysis`."
)


def search_section(record: CampaignRecord) -> Element:
    """Show the trials, what luck makes of so many, and how far the selection can be believed."""
    return element(
        "section",
        element("h2", "The search"),
        _outcomes(record.standing),
        *_scores(record),
        *_luck(record),
        _overfitting(record),
    )


def certification_section(record: CampaignRecord) -> Element:
    """Say what this history could show, before anything was searched on it."""
    heading = element("h2", "What this history could certify")
    if record.evidence is None:
        text = "No trial of phase 2 is complete, so there is nothing to count with yet."
        return element("section", heading, element("p", text, class_="missing"))
    return element(
        "section",
        heading,
        element("p", certifiable_words(record.evidence)),
        table(
            ("counted with", ""),
            _certified(record, record.evidence),
            class_="numbers",
        ),
    )


def parameters_section(analysis: Json | None) -> Element:
    """Show what the best tenth of each study's trials has in common, and what of it is chance."""
    heading = element("h2", "What the best trials have in common")
    if analysis is None:
        return element("section", heading, element("p", _NO_ANALYSIS, class_="missing"))
    studies = [each for each in analysis["studies"] if each["analysed"]]
    skipped = [each for each in analysis["studies"] if not each["analysed"]]
    return element(
        "section",
        heading,
        element("p", analysis["text"]),
        *(_study(study) for study in studies),
        *_skipped(skipped),
    )


def _outcomes(standing: Json) -> Element:
    best = [("phase 1", standing["phase1_winner"])] if standing["phase1_winner"] else []
    if standing["phase2_comparison"]:
        results = standing["phase2_comparison"]["results"]
        best += [(f"phase 2, {name}", result) for name, result in results.items()]
    if not best:
        return element("p", "Neither phase is decided yet.", class_="missing")
    headers = (
        "best by score",
        "study",
        "trial",
        "score",
        "Sharpe ratio (a year)",
        "HODL's",
        "trials",
        "remark",
    )
    return table(headers, (_outcome_row(*each) for each in best), class_="numbers")


def _outcome_row(name: str, result: Json) -> tuple[str, ...]:
    return (
        name,
        result["study_name"].partition("/")[2],
        str(result["best_trial_number"]),
        f"{result['best_value']:+.3f}",
        f"{result['best_sharpe_bot']:+.2f}",
        f"{result['best_sharpe_hodl']:+.2f}",
        str(result["n_trials"]),
        "did not trade in some split" if result.get("no_trades") else "",
    )


def _scores(record: CampaignRecord) -> Iterator[Element]:
    chosen = pl.DataFrame(
        [(each.trial["study_name"], each.trial["number"], True) for each in record.candidates],
        schema={"study_name": pl.String, "number": pl.Int32, "chosen": pl.Boolean},
        orient="row",
    )
    trials = record.trials.join(chosen, on=["study_name", "number"], how="left").with_columns(
        pl.col("chosen").fill_null(value=False)
    )
    if trials["score"].drop_nulls().is_empty():
        yield element("p", "No trial is complete yet: there are no scores.", class_="missing")
        return
    yield figure(
        "Scores of all trials",
        scores_figure(trials.sort("study_name", maintain_order=True)),
        caption=(
            "A dot per complete trial, a row per study. In colour: those that this page looks at "
            "closely; hollow: those that did not trade in some split, which are never archived. "
            "The score is the mean Sharpe ratio over the splits, less HODL's, less a tenth of its "
            "spread; the lowest 5 % are drawn at the edge. The best of many is good by luck, too: "
            "see the next picture."
        ),
    )


def _luck(record: CampaignRecord) -> Iterator[Element]:
    evidence, sharpes = record.evidence, record.trials["sharpe_excess"].drop_nulls()
    if evidence is None or sharpes.is_empty():
        return
    excess = record.trials.filter(pl.col("sharpe_excess").is_not_null())
    columns = ("study_name", "number", "sharpe_excess")
    found = {(study, n): value for study, n, value in excess.select(columns).iter_rows()}
    chosen = {
        each.short_name: found[key]
        for each in record.candidates
        if (key := (each.trial["study_name"], each.trial["number"])) in found
    }
    yield figure(
        "What luck makes of so many trials",
        luck_figure(sharpes.to_numpy(), evidence, chosen),
        caption=(
            f"Bars: the Sharpe ratios of all {len(sharpes)} complete trials, of their test returns "
            "above buy and hold. Dashed curve: the same number of trials without any skill. The "
            f"best of {evidence.n_trials} of these is expected at {evidence.expected_best:+.2f}; "
            "who is below that has shown nothing. Trials that pay fees for nothing lie to the left "
            "of the curve; the lowest 5 % are counted at the edge."
        ),
    )


def _overfitting(record: CampaignRecord) -> Element:
    evidence = record.evidence
    heading = "Probability of backtest overfitting"
    if evidence is None or evidence.overfitting is None:
        text = "Fewer than two trials of phase 2 can be compared, so there is nothing to tell."
        return joined([element("h3", heading), element("p", text, class_="missing")])
    found = evidence.overfitting
    limits = [each.gate.limits.max_overfitting for each in record.findings]
    return figure(
        f"{heading}: {found.pbo:.1%}",
        overfitting_gauge(found, limits[0] if limits else None),
        logits_figure(found),
        caption=(
            f"In each of {sum(times for _, times in found.logits):,} ways to halve "
            f"{found.n_bars:,} bars, the best of {found.n_compared} trials in one "
            "half is ranked in the other. Above: the share that ends at the median or below, as "
            "a dot; the range holds the middle 90 % of studies "
            f"without any skill ({found.null_low:.0%} to {found.null_high:.0%}). Below: all ranks, "
            "as log odds. It only asks whether the order of the trials lasts: where some lose less "
            "than others in every year, it is low, and nobody has earned anything."
        ),
    )


def _certified(record: CampaignRecord, evidence: CampaignEvidence) -> Iterator[tuple[str, str]]:
    years = evidence.n_bars / evidence.bars_per_year
    yield "trials that ended, of every study, phase and state", f"{evidence.n_trials:,}"
    yield "test bars of a trial", f"{evidence.n_bars:,} ({years:.2f} years)"
    deviation = evidence.luck_variance**0.5
    yield "spread of Sharpe ratios by luck alone", f"{deviation:.2f} a year"
    yield "spread of the trials' own", f"{evidence.sharpe_variance**0.5:.2f} a year"
    yield (
        "best of so many without skill",
        f"{evidence.expected_best:+.2f} a year",
    )
    yield (
        "smallest Sharpe ratio above HODL that can be certified",
        (f"{evidence.smallest_certifiable:+.2f} a year"),
    )
    for each in record.findings:
        if each.evidence:
            yield f"that of {each.vin}", f"{each.evidence.sharpe_excess:+.2f} a year"


def _study(study: Json) -> Element:
    name = study["study_name"].partition("/")[2]
    return figure(
        f"{name}: the best {study['n_top']} of {study['n_complete']} trials",
        parameters_figure(study["parameters"]),
        caption=(
            f"{study['text']} Lines are 95 % intervals; outside of the shaded range an effect is "
            "called high. Importance is PED-ANOVA's; beyond the dashed line it is more than that "
            "of the most important parameter in 95 % of shuffled studies."
        ),
    )


def _skipped(studies: Sequence[Json]) -> Iterator[Element]:
    if not studies:
        return
    items = (
        element("li", f"{each['study_name'].partition('/')[2]}: {each['text']}") for each in studies
    )
    yield element("h3", "Not analysed")
    yield element("ul", *items, class_="plain missing")
