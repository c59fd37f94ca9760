"""How speed changes with members, environments, width, bars and cores."""

from bench.effort import Effort
from bench.environments import steps_per_second
from bench.members import stacked
from bench.peers.work import Work
from bench.report import Goal, Table
from bench.timing import in_turn
from bench.update_speed import update_speed

MEMBERS, ENVS, WIDTHS, BARS = (
    f"Scaling with {what}" for what in ("members", "environments", "width", "bars")
)


def scaling(effort: Effort) -> tuple[list[Table], list[Goal]]:
    """Four tables, each along one axis."""
    return [_members(effort), _environments(effort), _widths(effort), _bars(effort)], []


def _members(effort: Effort) -> Table:
    work = Work(width=64, minibatch=256, n_steps=4096, n_epochs=4, n_envs=64)
    stacked(work, range(1))()
    rows = []
    for n_members in effort.member_counts:
        contender = {"it": lambda n=n_members: stacked(work, range(n))}
        seconds = in_turn(contender, n_rounds=effort.n_rounds)["it"].best_s
        rows.append((n_members, seconds / n_members))
    return Table(
        title=MEMBERS,
        columns=("members", "seconds a member"),
        rows=tuple(rows),
        note="Width 64, minibatch 256, 4,096 steps, 4 epochs, fastest run.",
    )


def _environments(effort: Effort) -> Table:
    rows = [(n, steps_per_second(n_members=1, n_envs=n)) for n in effort.env_counts]
    columns = ("environments", "steps/s")
    return Table(title=ENVS, columns=columns, rows=tuple(rows), note="One member.")


def _widths(effort: Effort) -> Table:
    rows = []
    for width in effort.scaled_widths:
        n_epochs = 16 if width <= 128 else 4 if width <= 512 else 2
        work = Work(width=width, n_steps=4096, n_epochs=n_epochs, n_envs=64)
        speed = update_speed(work, n_rounds=effort.n_rounds)
        rows.append((width, speed.update_gflops, speed.gemm_gflops))
    return Table(
        title=WIDTHS,
        columns=("width", "update, GFLOP/s", "multiplication, GFLOP/s"),
        rows=tuple(rows),
        note="Minibatch 2,048, one member.",
    )


def _bars(effort: Effort) -> Table:
    rows = [(n, steps_per_second(n_members=6, n_envs=64, n_bars=n)) for n in effort.bar_counts]
    columns = ("bars", "steps/s")
    return Table(title=BARS, columns=columns, rows=tuple(rows), note="6 members x 64 environments.")
