"""What speaks for a model and against it: the gate, and what its test returns are worth."""

from collections.abc import Iterator
from typing import Final

from cappuccino_assets.registry.evidence import TrialEvidence
from cappuccino_assets.registry.findings import Retrain, excess_sharpes, retrain_bound
from cappuccino_assets.registry.gate import GateDecision, GateReason
from cappuccino_assets.reports.campaign_record import Candidate, Finding
from cappuccino_assets.reports.figures_parameters import seeds_figure
from cappuccino_assets.reports.markup import Element, element, figure, joined, table
from cappuccino_assets.reports.report_words import NO_INTERVAL, NO_RETRAINS

_INTERVALS: Final = {
    "sharpe_ratio": ("Sharpe ratio", "+.2f"),
    "excess_sharpe_ratio": ("Sharpe ratio less HODL's", "+.2f"),
    "sharpe_ratio_of_excess": ("Sharpe ratio of the returns above HODL", "+.2f"),
    "max_drawdown": ("largest drawdown", ".1%"),
}


def gate_table(gate: GateDecision) -> Element:
    """Show every point of the gate: passed or failed, its number and its limit."""
    return table(
        ("", "point", "found", "limit", "in words"),
        (_gate_row(reason) for reason in gate.reasons),
        class_="gate",
    )


def _gate_row(reason: GateReason) -> tuple[str | Element, ...]:
    mark = "passed" if reason.passed else "failed"
    value = "-" if reason.value is None else f"{reason.value:.3f}"
    limit = "-" if reason.limit is None else f"{reason.limit:g}"
    badge = element("span", mark, class_=f"badge {mark}")
    name = reason.name.replace("_", " ").replace("sharpe", "Sharpe").replace("holdout", "hold-out")
    return badge, name, value, limit, reason.text


def evidence_part(evidence: TrialEvidence | None) -> Element:
    """Show what the test returns of the search are worth after all that was tried."""
    if evidence is None:
        text = "Its test returns are those of buy and hold: there is no excess to be judged."
        return element("p", text, class_="missing")
    rows = [
        ("Sharpe ratio of the returns above HODL", f"{evidence.sharpe_excess:+.2f} a year"),
        ("probability that it is above 0, were it the only trial", _share(evidence.probabilistic)),
        ("the same, as the best of all trials (deflated)", _share(evidence.deflated)),
        ("the same, if the trials' whole spread were luck", _share(evidence.deflated_by_spread)),
        ("bars that were tested", f"{evidence.n_bars:,}"),
        ("bars after which it alone would be certain enough", _bars(evidence.minimum_bars)),
        ("skew and kurtosis of these returns", f"{evidence.skew:+.2f} and {evidence.kurtosis:.1f}"),
        *_interval_rows(evidence),
    ]
    heading = element("h3", "What the cross-validation is worth")
    return joined([heading, table(("test returns of the search", ""), rows, class_="numbers")])


def _interval_rows(evidence: TrialEvidence) -> Iterator[tuple[str, str]]:
    if evidence.intervals is None:
        yield "bootstrap", NO_INTERVAL
        return
    for name, (words, form) in _INTERVALS.items():
        each = evidence.intervals[name]
        bounds = f"from {each.low:{form}} to {each.high:{form}}"
        yield (
            f"{words}, with its {each.confidence:.0%} interval",
            f"{each.estimate:{form}}, {bounds}",
        )


def seeds_part(candidate: Candidate, finding: Finding) -> Element:
    """Show what the same configuration came to with other seeds."""
    heading = "The same configuration with other seeds"
    if not finding.retrains:
        return joined([element("h3", heading), element("p", NO_RETRAINS, class_="missing")])
    trial, n_seeds = candidate.trial, len(finding.retrains)
    confidence = finding.gate.limits.retrain_confidence
    found = excess_sharpes(finding.retrains)
    if found is None:
        text = (
            f"Of {n_seeds} trainings with other seeds at least one failed, or stood aside in some "
            "split, so nothing can be said of the others."
        )
        rows = [_seed_row(number, each) for number, each in enumerate(finding.retrains, start=1)]
        names = ("seed", "Sharpe ratio, mean over splits", "HODL's", "exposure", "")
        return joined([element("h3", heading), element("p", text), table(names, rows)])
    original = trial["sharpe_bot"] - trial["sharpe_hodl"]
    bound = retrain_bound(finding.retrains, confidence=confidence)
    return figure(
        heading,
        seeds_figure(finding.retrains, original, bound),
        caption=(
            f"{n_seeds} seeds, on the same splits. The trial itself was chosen among many, so it "
            f"flatters its configuration; the others were not. The bound is the {confidence:.0%} "
            "lower one of their mean."
        ),
    )


def _seed_row(number: int, retrain: Retrain) -> tuple[str, ...]:
    found = (retrain.sharpe_bot, retrain.sharpe_hodl)
    ratios = ("-" if value is None else f"{value:+.2f}" for value in found)
    exposure = "-" if retrain.exposure is None else _share(retrain.exposure)
    remark = "stood aside in some split" if retrain.no_trades else ""
    return str(number), *ratios, exposure, remark if retrain.score is not None else "failed"


def _share(value: float) -> str:
    return f"{value:.1%}"


def _bars(value: int | None) -> str:
    return "none suffices: it is not above 0" if value is None else f"{value:,}"
