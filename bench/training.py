"""PPO trainings: against the peers, stacked, near the multiplication peak, on two cores."""

from dataclasses import replace

import numpy as np

from bench import cores, members
from bench.effort import Effort
from bench.peers.contest import (
    CLEANRL,
    CONTENDERS,
    OURS,
    SB3,
    Outcome,
    answers,
    largest_deviation,
    times,
)
from bench.peers.work import Work
from bench.report import Goal, Table, percent
from bench.timing import Times
from bench.update_speed import share_outside_update, update_speed

N_INPUTS, N_ACTIONS = 86, 7
OWN_ENVS, PEER_ENVS = 64, 8  # what the search takes, and what the peers' examples take
Result = tuple[list[Table], list[Goal]]


def same_answers(effort: Effort) -> Result:
    """Do all contenders take the same gradient steps, and earn the same while they learn?"""
    work = Work(width=64, n_envs=OWN_ENVS, n_steps=effort.n_steps)
    outcomes = answers(work, range(effort.n_seeds))
    rows = [
        (name, _mean_curve(each), ", ".join(sorted({str(o.n_gradient_steps) for o in each})))
        for name, each in outcomes.items()
    ]
    steps = {o.n_gradient_steps for each in outcomes.values() for o in each}
    if steps != {work.n_gradient_steps}:
        raise RuntimeError(f"The work is not equal: {steps} gradient steps of {work}.")
    note = (
        f"Mean reward a step (x 1,000) in each rollout, width 64, mean of {effort.n_seeds} seeds. "
        f"The farthest that a peer's mean is from ours: {largest_deviation(outcomes):.1f} standard "
        f"errors of the difference, among {2 * work.n_rollouts} comparisons."
    )
    columns = ("contender", "mean reward by rollout", "gradient steps")
    table = Table(title="The same answers", columns=columns, rows=tuple(rows), note=note)
    return [table], []


def against_peers(effort: Effort) -> Result:
    """Time whole trainings, and compare."""
    tables, goals = [], []
    for width, n_steps, n_rounds, envs in effort.contests:
        entries = _entries(Work(width=width, n_steps=n_steps), envs)
        measured = times(entries, n_rounds=n_rounds)
        tables.append(_contest_table(width, entries, measured))
        goals += _contest_goals(width, measured)
    return tables, goals


def stacking(effort: Effort) -> Result:
    """Six members at once, and one by one."""
    rows, ratio = [], {}
    for work in (
        members.small_work(effort.n_steps_stacked),
        members.large_work(effort.n_steps_stacked),
    ):
        measured = members.compare(work, n_rounds=effort.n_rounds)
        together, alone = measured["stacked"], measured["one by one"]
        ratio[work.width] = alone.best_s / together.best_s
        setting = f"width {work.width}, minibatch {work.minibatch}"
        rows.append((setting, str(together), str(alone), f"{ratio[work.width]:.2f} x"))
    equal = members.are_bit_equal(members.small_work(4096))
    table = Table(
        title="Six members together and one by one",
        columns=("setting", "together", "one by one", "gain"),
        rows=tuple(rows),
        note=f"{effort.n_steps_stacked:,} steps a member; the gain is that of the fastest runs. "
        f"Actors bit for bit the same either way: {'yes' if equal else 'NO'}.",
    )
    goals = [
        Goal(
            name="six members together equal them one by one, bit for bit (1 = yes)",
            target=1.0,
            measured=float(equal),
            bound="at least",
        ),
        Goal(
            name="six members together against one by one, width 64, minibatch 256",
            target=1.8,
            measured=ratio[64],
            bound="at least",
        ),
    ]
    return [table], goals


def near_the_peak(effort: Effort) -> Result:
    """Update speed as a fraction of the multiplication measured just before."""
    rows, goals = [], []
    targets = {128: 0.6, 512: 0.8, 1280: 0.9}
    for width, n_epochs in effort.update_widths:
        work = Work(width=width, n_steps=4096, n_epochs=n_epochs, n_envs=OWN_ENVS)
        speed = update_speed(work, n_rounds=effort.n_rounds)
        rows.append((width, speed.update_gflops, speed.gemm_gflops, percent(speed.fraction)))
        goals.append(
            Goal(
                name=f"update of the multiplication peak, width {width}",
                target=targets[width],
                measured=speed.fraction,
                bound="at least",
                unit="%",
            )
        )
    table = Table(
        title="The update and the multiplication peak",
        columns=("width", "update, GFLOP/s", "2048 x h x h, GFLOP/s", "fraction"),
        rows=tuple(rows),
        note="Only the multiplications and additions of matrix products are counted.",
    )
    return [table], goals


def outside_the_update(effort: Effort) -> Result:
    """What acting and environments take of a training of six members."""
    work = Work(width=128, n_steps=effort.n_steps, n_envs=64)
    share = min(share_outside_update(work, n_members=6) for _ in range(effort.n_rounds))
    goal = Goal(
        name="rollout + environment of a training, 64 environments x 6 members, width 128",
        target=0.05,
        measured=share,
        bound="below",
        unit="%",
    )
    return [], [goal]


def two_cores(effort: Effort) -> Result:
    """Six stacked members on two threads, and two such trainings in two processes."""
    rows, best = [], 0.0
    for work in (
        members.small_work(effort.n_steps_stacked),
        members.large_work(effort.n_steps_stacked),
    ):
        gains = cores.speedups(work, n_rounds=effort.n_rounds)
        setting = f"width {work.width}, minibatch {work.minibatch}"
        rows.append((setting, *(f"{gain:.2f} x" for gain in gains.values())))
        best = gains["two processes"]
    table = Table(
        title="Two cores against one",
        columns=("six members together", "two threads", "two processes"),
        rows=tuple(rows),
        note="Two threads train one population; two processes train one each. "
        "By the wall clock, so only an idle machine tells what two cores can do.",
    )
    goal = Goal(
        name="two cores against one: two processes, each with a trial's training, width 128",
        target=1.85,
        measured=best,
        bound="at least",
    )
    return [table], [goal]


def _mean_curve(outcomes: list[Outcome]) -> str:
    mean = np.mean([outcome.mean_rewards for outcome in outcomes], axis=0)
    return " ".join(f"{1e3 * reward:+.2f}" for reward in mean)


def _entries(work: Work, envs: tuple[int, ...]) -> dict[str, tuple[str, Work]]:
    pairs = [(name, n) for n in envs for name in CONTENDERS]
    if PEER_ENVS in envs and OWN_ENVS not in envs:
        pairs.insert(0, (OURS, OWN_ENVS))
    return {f"{name}, {n} envs": (name, replace(work, n_envs=n)) for name, n in pairs}


def _contest_table(
    width: int, entries: dict[str, tuple[str, Work]], measured: dict[str, Times]
) -> Table:
    mine = measured[f"{OURS}, {OWN_ENVS} envs"]
    rows = [
        (entry, str(taken), f"{taken.best_s:.3g} s", taken.median_s / mine.median_s)
        for entry, taken in measured.items()
    ]
    _, work = next(iter(entries.values()))  # all of it the same, but for the environments
    flops = work.update_flops(n_inputs=N_INPUTS, n_actions=N_ACTIONS)
    note = (
        f"{work.n_steps:,} steps, {work.n_gradient_steps} gradient steps of {work.minibatch:,} "
        f"samples, {work.sample_passes:,} sample passes, {flops / 1e9:,.0f} GFLOP in the updates. "
        f"Processor time of one thread: median of {len(mine.each_s)} runs and half their range; "
        f"the last column is the median over that of ours with {OWN_ENVS} environments."
    )
    return Table(
        title=f"A PPO training, width {width}",
        columns=("contender", "median", "fastest", "x ours"),
        rows=tuple(rows),
        note=note,
    )


def _contest_goals(width: int, measured: dict[str, Times]) -> list[Goal]:
    targets = {128: (3.5, 3.5), 512: (1.4, None), 1280: (1.2, None)}
    goals = []
    for peer, target in zip((SB3, CLEANRL), targets.get(width, (None, None)), strict=True):
        for mine, theirs in ((OWN_ENVS, PEER_ENVS), (PEER_ENVS, PEER_ENVS), (OWN_ENVS, OWN_ENVS)):
            pair = f"{OURS}, {mine} envs", f"{peer}, {theirs} envs"
            if target is not None and all(entry in measured for entry in pair):
                gain = measured[pair[1]].median_s / measured[pair[0]].median_s
                name = f"training, width {width}: {mine} envs, {peer} {theirs} envs"
                goals.append(Goal(name=name, target=target, measured=gain, bound="at least"))
    return goals
