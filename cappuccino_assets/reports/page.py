"""A report as one page: nothing is fetched, nothing is run, and it can be printed."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Final

from cappuccino_assets.evaluation.holdout import AGENT
from cappuccino_assets.reports.campaign_record import CampaignRecord
from cappuccino_assets.reports.candidate_page import candidate_section
from cappuccino_assets.reports.markup import Element, element, joined
from cappuccino_assets.reports.report_words import (
    headline,
    n_passed,
    what_is_not_shown,
    what_is_shown,
)
from cappuccino_assets.reports.route_page import advice_section, route_section
from cappuccino_assets.reports.search_page import (
    certification_section,
    parameters_section,
    search_section,
)

_CHARSET: Final = Element('<meta charset="utf-8">')
_VIEWPORT: Final = Element('<meta name="viewport" content="width=device-width, initial-scale=1">')


def page(record: CampaignRecord) -> str:
    """Write the report of a campaign as an HTML document."""
    head = element(
        "head",
        _CHARSET,
        _VIEWPORT,
        element("title", f"{record.name}: {headline(record)}"),
        element("style", Element(_style())),
    )
    body = element(
        "body",
        _header(record),
        *(candidate_section(each) for each in record.candidates),
        *_not_shown(record),
        *route_section(record.standing),
        search_section(record),
        *advice_section(record.standing),
        certification_section(record),
        parameters_section(record.analysis),
        _footer(record),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _header(record: CampaignRecord) -> Element:
    return element(
        "header",
        element("p", f"Campaign {record.name}", class_="campaign"),
        element("h1", headline(record)),
        element("p", what_is_shown(record)),
        element("div", *(element("p", each) for each in what_is_not_shown(record)), class_="not"),
        element("ul", *(_tile(*each) for each in _tiles(record)), class_="tiles"),
    )


def _tile(value: str, name: str) -> Element:
    return element("li", element("b", value), name)


def _tiles(record: CampaignRecord) -> Iterator[tuple[str, str]]:
    archive, evidence = record.standing["archive"], record.evidence
    yield f"{record.trials.height:,}", "trials ended: all studies, pruned and failed ones too"
    yield f"{n_passed(record)} of {len(archive)}", "archived models passed the gate"
    for finding in record.findings[:1]:
        agent = finding.holdout.performances[AGENT]
        compared = f"on the hold-out; HODL {agent.hodl_return:+.1%}"
        yield f"{agent.total_return:+.1%}", compared
        rank = finding.holdout.placebo.rank
        yield f"{rank.n_as_good} of {rank.n_agents}", "random agents made as much or more there"
    if evidence and evidence.overfitting:
        yield f"{evidence.overfitting.pbo:.0%}", "probability of overfitting; luck alone has 50 %"
    if evidence:
        yield (
            f"{evidence.smallest_certifiable:.2f}",
            "smallest Sharpe ratio above HODL, a year, that can be certified",
        )


def _not_shown(record: CampaignRecord) -> Iterator[Element]:
    """Archived models that are only counted."""
    shown = {each.vin for each in record.findings}
    others = [row for row in record.standing["archive"] if row["vin"] not in shown]
    if others:
        items = (
            element("li", f"{row['vin']}: score {row['score']:+.3f}; {row['gate_reason']}")
            for row in others
        )
        heading = element("h2", f"{len(others)} more archived models")
        yield element("section", heading, element("ul", *items, class_="plain"))


def _footer(record: CampaignRecord) -> Element:
    campaign = record.standing["campaign"]
    digests = ", ".join(f"{name} {each}" for name, each in campaign["dataset_digests"].items())
    rows = ", ".join(f"{n} {kind.replace('_', ' ')}s" for kind, n in record.ledger_rows.items())
    versions = sorted({each.trial["code_version"] for each in record.candidates})
    return element(
        "footer",
        joined(
            [
                element(
                    "p",
                    f"Lines of the trial ledger: {rows or 'none'}. Profile {campaign['profile']}, "
                    f"seed {campaign['seed']}, market: {campaign['source']}. Data sets: {digests}. "
                    f"Code: {', '.join(versions) or 'not recorded'}.",
                ),
                element(
                    "p",
                    "Every number is read from what the run left; `cappuccino report` "
                    "writes this page anew, `cappuccino ledger verify` checks the ledger.",
                ),
            ]
        ),
    )


@cache
def _style() -> str:
    return files("cappuccino_assets.reports").joinpath("page.css").read_text()
