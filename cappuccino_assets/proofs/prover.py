"""The proof that nothing knows the future: recompute, and compare bit for bit."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from cappuccino_assets.errors import ConstantColumnError, HistoryTooShortError
from cappuccino_assets.features.contract import Layout
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.proofs.cuts import Cut, choose_cuts
from cappuccino_assets.proofs.divisions import holdout_checks, split_checks
from cappuccino_assets.proofs.findings import Check, Proof
from cappuccino_assets.proofs.futures import until, with_other_future
from cappuccino_assets.proofs.history import History
from cappuccino_assets.proofs.pipeline import Pipeline
from cappuccino_assets.proofs.records import compare, first_unclosed
from cappuccino_assets.proofs.settings import Part, ProofSettings, study_plan
from cappuccino_assets.proofs.stages import Stage, all_stages
from cappuccino_assets.proofs.timing import orders_check, timing_checks

_TOO_SHORT = (HistoryTooShortError, ConstantColumnError)  # for anything to be compared


def prove_causal(
    bars: Bars, *, pipeline: Pipeline | None = None, settings: ProofSettings | None = None
) -> Proof:
    """Recompute everything on prefixes and under other futures, and compare.

    1. At every cut, with the bars before it only, and with other bars after it: what is known at
    the cut is compared bit for bit, at every stage. 2. Fills, marks and rewards are compared with
    the next bar's prices. 3. The scaler of every split is fitted again with other rows outside its
    training, whose distance from test rows is checked. 4. The hold-out is replaced, and everything
    that search sees compared.

    Args:
        bars: The finest bars held.
        pipeline: The stages; the product's own where None.
        settings: What to look at.

    Returns:
        The proof; look at `holds`.

    Raises:
        HistoryTooShortError: If the whole history is too short to be searched.
    """
    pipeline, settings = pipeline or Pipeline(), settings or ProofSettings()
    plan = study_plan(bars, settings)
    build = partial(History, pipeline=pipeline, settings=settings, plan=plan)
    whole = build(bars)
    seen = whole.seen(Layout.COMPACT)
    cuts = choose_cuts(
        seen, n_cuts=settings.n_cuts, seed=settings.seed, finest_seconds=bars.interval.seconds
    )
    stages = [stage for stage in all_stages(settings) if stage.part in settings.parts]
    prefixes = (build(until(bars, _time(cut.time))) for cut in cuts)
    futures = (
        build(with_other_future(bars, _time(cut.time), seed=settings.seed + number))
        for number, cut in enumerate(cuts)
    )
    checks = [
        *_compared("past only", whole, prefixes, cuts, stages),
        *_compared("other future", whole, futures, cuts, stages),
    ]
    if Part.TIMING in settings.parts:
        checks += [*timing_checks(seen), orders_check(seen, cuts)]
    if Part.SPLITS in settings.parts:
        checks += split_checks(seen.for_search())
    if Part.HOLDOUT in settings.parts:
        other = build(with_other_future(bars, plan.holdout_from, seed=settings.seed))
        checks += holdout_checks(whole, other)
    return Proof(cuts=dict(Counter(cut.kind for cut in cuts)), checks=tuple(checks))


def _compared(
    how: str,
    whole: History,
    others: Iterator[History],
    cuts: Sequence[Cut],
    stages: Sequence[Stage],
) -> list[Check]:
    """Compare every stage at every cut; after its first difference a stage is left alone."""
    if not stages:
        return []
    checks = {each.name: Check(name=f"{how}: {each.name}", n_cuts=0, n_rows=0) for each in stages}
    for cut, other in zip(cuts, others, strict=True):
        known_until = min(cut.time, other.known_until)
        for stage in stages:
            if checks[stage.name].difference is None:
                check = _with_cut(checks[stage.name], stage, whole, other, known_until)
                checks[stage.name] = check
    return list(checks.values())


def _with_cut(check: Check, stage: Stage, whole: History, other: History, cut: int) -> Check:
    try:
        expected, found = stage.record(whole, cut), stage.record(other, cut)
    except _TOO_SHORT:
        return check
    n_rows, first = compare(expected, found, cut=cut)
    if stage.of_closed_bars and other.known_until <= cut:
        first = first or first_unclosed(found, cut=cut)
    return Check(
        name=check.name,
        n_cuts=check.n_cuts + 1,
        n_rows=check.n_rows + n_rows,
        difference=first,
    )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
