"""The parts of a report about what a search was narrowed around, and what it was advised."""

from collections.abc import Iterator
from typing import Final

from cappuccino_assets.reports.markup import Element, element, table
from cappuccino_assets.tuning.routes import EXPLOIT
from cappuccino_assets.types import Json

_SELECTED: Final = (
    "To narrow is to select: what looked good there was chosen, by luck in good part. So the best "
    "model here is the best of all these trials, and is deflated by their number."
)


def route_section(standing: Json) -> Iterator[Element]:
    """Show what an exploit search was narrowed around; nothing on the broad route."""
    route = standing["campaign"].get("route")  # campaigns from before there were routes have none
    if route is None or route["name"] != EXPLOIT:
        return
    lineage = ", ".join(f"{each['n_trials']} of {each['campaign']}" for each in standing["lineage"])
    yield element(
        "section",
        element("h2", "What this search was narrowed around"),
        element(
            "p",
            f"Its ranges are those of {route['narrowed_from']}, narrowed around the best trials of "
            f"that. Its own trials and those of the campaigns it comes from count together: "
            f"{standing['n_own_trials']} of its own and {lineage}. {_SELECTED}",
        ),
        *(each for study in route["studies"] for each in _study(study)),
    )


def advice_section(standing: Json) -> Iterator[Element]:
    """Show what was advised and what it was worth; nothing where no advised trial has ended."""
    if not standing["advice"]:
        return
    yield element(
        "section",
        element("h2", "What advice was worth"),
        element(
            "p",
            "Now and then an advisor proposes configurations from what a study has found. They are "
            "compared with the study's own trials just before and after them.",
        ),
        *(each for study in standing["advice"] for each in _advice(study)),
    )


def range_in_words(described: Json) -> str:
    """Write a range as people do."""
    if described["kind"] == "Choice":
        return ", ".join(map(str, described["values"]))
    low, high = described["low"], described["high"]
    if described["kind"] == "OneMinusLogUniform":
        low, high = (round(1 - end, described["decimals"]) for end in (high, low))
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _study(study: Json) -> Iterator[Element]:
    yield element("h3", study["role"])
    yield element("p", study["text"])
    changed = [each for each in study["ranges"] if each["from"] != each["to"]]
    if changed:
        rows = (
            (
                each["parameter"],
                range_in_words(each["from"]),
                range_in_words(each["to"]),
                each["why"],
            )
            for each in changed
        )
        yield table(("parameter", "from", "to", "why"), rows)


def _advice(study: Json) -> Iterator[Element]:
    yield element("h3", study["study_name"].partition("/")[2])
    yield element("p", study["text"])
    for each in study["faults"]:
        yield element(
            "p", f"In round {each['round']} the advisor failed, so it had none: {each['fault']}"
        )
    rows = [
        (
            f"trial {each['number']}",
            f"{each['round']}, {each['place']}",
            each["state"].lower() if each["score"] is None else f"{each['score']:+.3f}",
            each["reason"],
        )
        for each in study["trials"]
    ]
    if rows:
        yield table(("advised", "round, place", "score", "why"), rows)
