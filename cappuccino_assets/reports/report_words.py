"""What a report says in words: what is shown, and as plainly what is not."""

from datetime import datetime
from typing import Final

from cappuccino_assets.evaluation.holdout import AGENT
from cappuccino_assets.registry.evidence import CampaignEvidence
from cappuccino_assets.reports.campaign_record import CampaignRecord, Candidate, Finding

NO_RETRAINS: Final = (
    "It was not trained with other seeds, as the gate asks for: the profile of this campaign does "
    "without. So nothing is known of how much of its result is the seed's."
)
NO_INTERVAL: Final = "no interval: too few of its bars differ from the others"


def headline(record: CampaignRecord) -> str:
    """Say in one sentence what came out."""
    findings, n_gated = record.findings, n_passed(record)
    if record.standing["phase2_comparison"] is None:
        return "The search is not finished: nothing can be said yet."
    if not findings:
        return "No trial was worth archiving: nothing here is shown to beat buying and holding."
    if not n_gated:
        return "No model passed the gate: nothing here is shown to beat buying and holding."
    n_archived = len(record.standing["archive"])
    models = "model" if n_archived == 1 else "models"
    return f"{n_gated} of {n_archived} archived {models} passed the gate."


def n_passed(record: CampaignRecord) -> int:
    """Count the archived models that passed the gate."""
    return sum(row["gated"] for row in record.standing["archive"])


def what_is_shown(record: CampaignRecord) -> str:
    """Say what was searched, and what the best archived model did on unseen bars."""
    searched = f"{_searched(record)} {_market(record)}."
    if record.standing["phase2_comparison"] is None:
        return searched
    if not record.findings:
        return f"{searched} No hold-out was opened, for there was no one to open it for."
    return f"{searched} {holdout_words(record.findings[0])}"


def holdout_words(finding: Finding) -> str:
    """Say what a model did on the hold-out, against holding and against chance."""
    performances, opening = finding.holdout.performances, finding.holdout.opening
    agent, rank = performances[AGENT], finding.holdout.placebo.rank
    return (
        f"On bars that no trial had seen, from {day(opening.begins_at)} to {day(opening.ends_at)}, "
        f"{finding.vin} made {agent.total_return:+.1%} after fees, spread and slippage; "
        f"equal-weight buy and hold made {agent.hodl_return:+.1%}, and {rank.n_as_good} of "
        f"{rank.n_agents} agents that traded at random about as much made as much or more. On "
        f"average {agent.exposure:.1%} of its equity was in coins."
    )


def what_is_not_shown(record: CampaignRecord) -> list[str]:
    """Say what must not be read into the pages that follow."""
    said = []
    if record.evidence:
        said.append(certifiable_words(record.evidence))
    if n_passed(record):
        said.append(
            "To pass makes luck among all trials an unlikely explanation; it does not say that the "
            "years to come are like those before."
        )
    elif record.findings:
        said.append("So a refusal says that no edge was shown, not that there is none.")
    if any(each.below_threshold for each in record.findings):
        said.append(
            "The model is below the archive's threshold; it was kept so that there is something "
            "to look at."
        )
    if record.standing["campaign"]["source"].startswith("simulated"):
        said.append("The market is simulated: none of this says anything about a real one.")
    else:
        said.append("All fills are simulated on past bars; nothing was traded.")
    return said


def certifiable_words(evidence: CampaignEvidence) -> str:
    """Say how good an agent must be for this history to show it."""
    years = evidence.n_bars / evidence.bars_per_year
    return (
        f"{evidence.n_trials} trials on {years:.1f} years of test bars can certify a Sharpe ratio "
        f"above buy and hold from {evidence.smallest_certifiable:.2f} a year on, at the least; "
        "skill that is smaller cannot be told from luck here."
    )


def not_archived(candidate: Candidate) -> str:
    """Say why nothing more is known of a trial."""
    idle = (
        " It did not trade in some split, which no score makes good."
        if any(split["no_trades"] for split in candidate.trial["splits"])
        else ""
    )
    return (
        f"It is the best of its algorithm, with a score of {candidate.trial['score']:+.3f}. It was "
        f"not archived: no hold-out was opened for it, and the gate was not asked.{idle}"
    )


def day(moment: str) -> str:
    """Write a day as people do."""
    return f"{datetime.fromisoformat(moment):%-d %b %Y}"


def _searched(record: CampaignRecord) -> str:
    states = record.trials["state"].value_counts()
    counts = {state: int(n) for state, n in states.iter_rows()}
    parts = [
        f"{counts[state]} {word}"
        for state, word in (("COMPLETE", "complete"), ("PRUNED", "pruned"), ("FAIL", "failed"))
        if state in counts
    ]
    return f"{record.trials.height} trials ended ({', '.join(parts) or 'none'})"


def _market(record: CampaignRecord) -> str:
    campaign = record.standing["campaign"]
    symbols = campaign["symbols"]
    intervals = ", ".join(sorted(campaign["dataset_digests"]))
    return (
        f"on {intervals} bars of {len(symbols)} symbols since {day(campaign['history_from'])}, "
        f"of which those from {day(campaign['holdout_from'])} on were held out"
    )
