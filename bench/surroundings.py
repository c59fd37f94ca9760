"""Everything around a training: environments, trials, studies, features, decisions, memory."""

from bench.decisions import N_MEMBERS, decision_ms
from bench.effort import Effort
from bench.environments import steps_per_second
from bench.feature_speed import COMPACT, OURS, PANDAS, feature_times
from bench.memory import memory_over
from bench.mini_run import mini_run
from bench.peers.work import Work
from bench.report import Goal, Table, percent
from bench.study import study_overhead
from bench.trial import reference_trial

Result = tuple[list[Table], list[Goal]]


def environment(effort: Effort) -> Result:
    """Environment steps a second on one core."""
    rows, goals = [], []
    for n_members, n_envs, target in ((6, 64, 1e5), (8, 512, 8e5)):
        speed = steps_per_second(n_members=n_members, n_envs=n_envs)
        observed = steps_per_second(n_members=n_members, n_envs=n_envs, observe=True)
        rows.append((f"{n_members} x {n_envs}", speed, observed))
        name = f"environment, {n_members} members x {n_envs}"
        goals.append(
            Goal(name=name, target=target, measured=speed, bound="at least", unit="steps/s")
        )
    table = Table(
        title="Environment steps a second",
        columns=("members x environments", "steps/s", "steps/s with observations"),
        rows=tuple(rows),
        note="Seven symbols; trading, rewards and restarts included.",
    )
    return [table], goals


def trial_and_study(effort: Effort) -> Result:
    """Where the time of a trial goes that is not training."""
    outcome = reference_trial(Work(width=128, n_steps=effort.n_steps))
    overhead = study_overhead(n_before=effort.n_trials_before, n_trials=effort.n_trials_asked)
    trial_s = outcome.training_s + outcome.evaluation_s
    parts = {
        "training": outcome.training_s,
        "evaluation": outcome.evaluation_s,
        f"ask and tell, after {effort.n_trials_before:,} trials": overhead.ask_and_tell_s,
        "files": overhead.files_s,
    }
    rows = tuple((name, part, percent(part / trial_s)) for name, part in parts.items())
    table = Table(
        title="A trial of six splits, width 128",
        columns=("part", "seconds", "of training + evaluation"),
        rows=rows,
        note=f"{effort.n_steps:,} steps a split, 16 epochs, minibatch 2,048.",
    )
    shares = {
        "evaluation of a trial": (0.10, outcome.evaluation_s),
        f"ask, tell and files of a trial, after {effort.n_trials_before:,} trials": (
            0.05,
            overhead.total_s,
        ),
    }
    goals = [
        Goal(name=name, target=target, measured=part / trial_s, bound="below", unit="%")
        for name, (target, part) in shares.items()
    ]
    return [table], goals


def features(effort: Effort) -> Result:
    """Features of twelve months of 5-minute bars."""
    measured = feature_times(n_days=effort.n_days_of_features, n_rounds=3)
    peer_s = measured[PANDAS].best_s
    rows = tuple(
        (name, str(taken), f"{taken.best_s:.3g} s", f"{peer_s / taken.best_s:.2f} x")
        for name, taken in measured.items()
    )
    table = Table(
        title="Features of 5-minute bars",
        columns=("what", "median", "fastest", "against pandas"),
        rows=rows,
        note=f"Seven symbols, {effort.n_days_of_features} days, by the wall clock. "
        "That they are causal is a test's business (tests/features/test_causality.py).",
    )
    if effort.n_days_of_features < 365:
        return [table], []
    goals = [
        Goal(
            name=f"features, 12 months of 5m, {name}",
            target=0.15,
            measured=measured[name].best_s,
            bound="below",
            unit="s",
        )
        for name in (OURS, COMPACT)
    ]
    gain = peer_s / measured[OURS].best_s
    name = f"features, {OURS}, against pandas + TA-Lib"
    return [table], [*goals, Goal(name=name, target=5.0, measured=gain, bound="at least")]


def decisions(effort: Effort) -> Result:
    """One decision of an ensemble of ten."""
    rows, goals = [], []
    for width, target in ((128, 0.3), (1280, 4.0)):
        median, p99, wall_p99 = decision_ms(width, n_decisions=effort.n_decisions)
        rows.append((width, median, p99, wall_p99))
        name = f"p99 of a decision of {N_MEMBERS} members, width {width}"
        goals.append(Goal(name=name, target=target, measured=p99, bound="below", unit="ms"))
    table = Table(
        title="A decision of ten members",
        columns=("width", "median, ms", "p99, ms", "p99 by the wall clock, ms"),
        rows=tuple(rows),
        note="From feature arrays to trades, lookback 5; processor time unless said otherwise.",
    )
    return [table], goals


def memory(effort: Effort) -> Result:
    """Memory of one process over many trials."""
    if not effort.n_trials_of_memory:
        return [], []
    taken = memory_over(effort.n_trials_of_memory)
    step = effort.n_trials_of_memory // 8
    rows = tuple((i + 1, taken.each_mib[i]) for i in range(step - 1, len(taken.each_mib), step))
    table = Table(
        title="Memory of one process over a study",
        columns=("trials", "resident, MiB"),
        rows=rows,
        note="Small, real trials, with their study and files. "
        f"Last quarter over second quarter: {taken.growth:+.1%}.",
    )
    goal = Goal(
        name=f"memory over {effort.n_trials_of_memory} trials, last quarter over second",
        target=1.05,
        measured=1 + taken.growth,
        bound="below",
    )
    return [table], [goal]


def mini(effort: Effort) -> Result:
    """The whole mini profile through Dagster, with two workers and with one."""
    if not effort.has_mini_runs:
        return [], []
    two, one = mini_run(n_workers=2), mini_run(n_workers=1)
    rows = ((2, two.wall_s, two.n_trials), (1, one.wall_s, one.n_trials))
    table = Table(
        title="The mini profile through Dagster, from a cold start",
        columns=("workers", "seconds", "trials"),
        rows=rows,
        note=f"Largest process: {max(two.peak_mib, one.peak_mib):,.0f} MiB.",
    )
    goals = [
        Goal(
            name="mini profile through Dagster, two workers",
            target=60.0,
            measured=two.wall_s,
            bound="below",
            unit="s",
        ),
        Goal(
            name="two workers against one, mini profile, start included",
            target=1.85,
            measured=one.wall_s / two.wall_s,
            bound="at least",
        ),
        Goal(
            name="largest process of the mini profile",
            target=1536.0,
            measured=two.peak_mib,
            bound="below",
            unit="MiB",
        ),
    ]
    return [table], goals
