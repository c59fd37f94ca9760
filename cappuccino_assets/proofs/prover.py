"""The proof that nothing knows the future: recompute, and compare bit for bit."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from cappuccino_assets.errors import ConfigurationError, ConstantColumnError, HistoryTooShortError
from cappuccino_assets.features.contract import Layout
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.proofs.asking import asking_checks
from cappuccino_assets.proofs.cuts import Cut, choose_cuts
from cappuccino_assets.proofs.divisions import holdout_checks, split_checks
from cappuccino_assets.proofs.findings import Check, Proof
from cappuccino_assets.proofs.futures import until, with_other_future
from cappuccino_assets.proofs.history import History
from cappuccino_assets.proofs.memory import memory_check
from cappuccino_assets.proofs.pipeline import Pipeline
from cappuccino_assets.proofs.records import compare, first_unclosed
from cappuccino_assets.proofs.settings import Part, ProofSettings, study_plan
from cappuccino_assets.proofs.stages import Stage, all_stages
from cappuccino_assets.proofs.timing import orders_check, timing_checks

Build = Callable[[Bars], History]
_TOO_SHORT: Final = (HistoryTooShortError, ConstantColumnError)  # for anything to be compared


def prove_causal(
    bars: Bars, *, pipeline: Pipeline | None = None, settings: ProofSettings | None = None
) -> Proof:
    """Recompute everything on prefixes and under other futures, and compare.

    1. At every cut, with the bars before it only, and with other bars after it: what is known at
    the cut is compared bit for bit, at every stage. 2. Fills, marks and rewards are compared with
    the next bar's prices, and the rows that policies are shown with those they decide at. 3. The
    scaler of every split is fitted again with other rows outside its training, whose distance from
    test rows is checked, and so is how long features remember. 4. The hold-out is replaced, and
    everything that search sees compared.

    Args:
        bars: The finest bars held.
        pipeline: The stages; the product's own where None.
        settings: What to look at.

    Returns:
        The proof; look at `holds`.

    Raises:
        ConfigurationError: If the proof is about bars that are finer than those given.
        HistoryTooShortError: If the whole history is too short to be searched.
    """
    pipeline, settings = pipeline or Pipeline(), settings or ProofSettings()
    if settings.interval.seconds < bars.interval.seconds:
        raise ConfigurationError(
            f"Bars of {bars.interval} prove nothing about finer ones of {settings.interval}."
        )
    plan = study_plan(bars, settings)
    build = partial(History, pipeline=pipeline, settings=settings, plan=plan)
    whole = build(bars)
    seen = whole.seen(Layout.COMPACT)
    if settings.parts & {Part.SPLITS, Part.HOLDOUT}:  # what cannot be divided is refused at once
        pipeline.splits(plan, seen.for_search().arrays, settings.lookback)
    step = bars.interval.seconds
    cuts = choose_cuts(seen, n_cuts=settings.n_cuts, seed=settings.seed, finest_seconds=step)
    checks = [
        *_cut_checks(whole, build, cuts, settings),
        *_other_checks(whole, build, cuts, settings),
    ]
    return Proof(cuts=dict(Counter(cut.kind for cut in cuts)), checks=tuple(checks))


def _cut_checks(
    whole: History, build: Build, cuts: Sequence[Cut], settings: ProofSettings
) -> list[Check]:
    """Compare with histories that end at the cuts, and with histories that differ after them."""
    stages = [stage for stage in all_stages(settings) if stage.part in settings.parts]
    if not stages:
        return []
    times = [datetime.fromtimestamp(cut.time, UTC) for cut in cuts]
    prefixes = (build(until(whole.bars, time)) for time in times)
    futures = (
        build(with_other_future(whole.bars, time, seed=settings.seed + number))
        for number, time in enumerate(times)
    )
    return [
        *_compared("past only", whole, prefixes, cuts, stages),
        *_compared("other future", whole, futures, cuts, stages),
    ]


def _other_checks(
    whole: History, build: Build, cuts: Sequence[Cut], settings: ProofSettings
) -> Iterator[Check]:
    """Check the timing of trades, the splits and the hold-out."""
    seen = whole.seen(Layout.COMPACT)
    if Part.TIMING in settings.parts:
        yield from timing_checks(seen)
        yield orders_check(seen, cuts)
        yield from asking_checks(seen)
    if Part.SPLITS in settings.parts:
        yield from split_checks(seen.for_search())
        yield memory_check(whole, build)
    if Part.HOLDOUT in settings.parts:
        holdout_from = seen.plan.holdout_from
        other = build(with_other_future(whole.bars, holdout_from, seed=settings.seed))
        yield from holdout_checks(whole, other)


def _compared(
    how: str,
    whole: History,
    others: Iterator[History],
    cuts: Sequence[Cut],
    stages: Sequence[Stage],
) -> list[Check]:
    """Compare every stage at every cut; after its first difference a stage is left alone."""
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
