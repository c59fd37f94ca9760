"""The part of a report that looks closely at one trial."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from cappuccino_assets.reports.campaign_record import Candidate, Finding
from cappuccino_assets.reports.evidence_page import evidence_part, gate_table, seeds_part
from cappuccino_assets.reports.figures_equity import EquityLine, equity_figure
from cappuccino_assets.reports.holdout_page import HODL, NAMES, costs_part, holdout_part
from cappuccino_assets.reports.markup import Element, element, figure
from cappuccino_assets.reports.report_words import not_archived
from cappuccino_assets.types import FloatArray, IntArray


def candidate_section(candidate: Candidate) -> Element:
    """Show everything that is known of a trial."""
    finding = candidate.finding
    name = element("h2", "The finalist " if finding else "The best ", candidate.name)
    parts = [name, _facts(candidate)]
    if finding:
        parts += _judged(candidate, finding)
    else:
        parts.append(element("p", not_archived(candidate), class_="missing"))
    return element("section", *parts, _paths(candidate))


def _judged(candidate: Candidate, finding: Finding) -> Iterator[Element]:
    gate = finding.gate
    n_passed = sum(reason.passed for reason in gate.reasons)
    word = "passed" if gate.gated else "refused"
    badge = element("span", word, class_=f"badge {word}")
    yield element("h3", "The gate ", badge, f" {n_passed} of {len(gate.reasons)} points passed")
    yield gate_table(gate)
    yield holdout_part(finding)
    yield evidence_part(finding.evidence)
    yield seeds_part(candidate, finding)
    yield costs_part(finding.holdout)


def _facts(candidate: Candidate) -> Element:
    trial = candidate.trial
    study = trial["study_name"].partition("/")[2]
    facts = [
        ("trial", f"{trial['number']} of {study}"),
        ("score", f"{trial['score']:+.3f}"),
        ("Sharpe ratio", f"{trial['sharpe_bot']:+.2f} a year"),
        ("HODL's", f"{trial['sharpe_hodl']:+.2f} a year"),
        ("time-frame", f"{trial['timeframe']} at {trial['interval']}"),
    ]
    if candidate.finding:
        facts.insert(1, ("grade", f"{candidate.finding.grade} (describes, proves nothing)"))
    terms = [element("div", element("dt", name), element("dd", value)) for name, value in facts]
    return element("dl", *terms, class_="facts")


def _paths(candidate: Candidate) -> Element:
    numbered = reversed(list(enumerate(candidate.paths, start=1)))
    first = candidate.paths[0]
    lines = [
        *_bitcoin(candidate.bitcoin),
        _line(NAMES[HODL], HODL, first.open_time, first.hodl),
        *(_line(f"path {n}", f"agent path-{n}", each.open_time, each.bot) for n, each in numbered),
    ]
    return figure(
        "Cross-validation: test bars of the search",
        equity_figure(lines, title="Equity of each path of the cross-validation"),
        caption=_paths_caption(candidate),
    )


def _line(name: str, class_: str, open_time: IntArray, equity: FloatArray) -> EquityLine:
    time = open_time.astype(np.float64)
    return EquityLine(name=name, class_=class_, open_time=time, equity=equity, has_drawdown=True)


def _bitcoin(prices: pl.DataFrame | None) -> Iterator[EquityLine]:
    if prices is not None:
        time, equity = (prices[name].cast(pl.Float64).to_numpy() for name in prices.columns)
        yield EquityLine(name="bitcoin's price", class_="bitcoin", open_time=time, equity=equity)


def _paths_caption(candidate: Candidate) -> str:
    first, last = (int(candidate.paths[0].open_time[i]) for i in (0, -1))
    begin, end = (f"{np.datetime64(each, 's').item():%-d %b %Y}" for each in (first, last))
    missing = (
        ""
        if candidate.bitcoin is not None
        else " Bitcoin is not drawn: the warehouse holds other bars than those that were searched."
    )
    return (
        f"Each of {len(candidate.paths)} paths strings together one test of every group of bars, "
        f"{begin} to {end}, by policies that were not trained on it; every group begins with a new "
        "account. HODL is bought anew with each group and pays the same costs; bitcoin's price "
        "pays none; cash stays at 1. These bars chose the trial, so they flatter it. Random agents "
        f"and HODL sold at every deadline are traded on the hold-out only.{missing}"
    )
