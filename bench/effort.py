"""How much is measured: all of it, or a taste."""

from dataclasses import dataclass

Contest = tuple[int, int, int, tuple[int, ...]]  # width, steps, rounds, numbers of environments


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Sizes of everything that is measured."""

    n_steps: int
    n_steps_stacked: int
    n_rounds: int
    n_seeds: int
    contests: tuple[Contest, ...]
    update_widths: tuple[tuple[int, int], ...]  # width and epochs
    member_counts: tuple[int, ...]
    env_counts: tuple[int, ...]
    bar_counts: tuple[int, ...]
    scaled_widths: tuple[int, ...]
    n_trials_before: int
    n_trials_asked: int
    n_days_of_features: int
    n_decisions: int
    n_trials_of_memory: int
    n_trials_stored: int
    has_mini_runs: bool


FULL = Effort(
    n_steps=20_480,
    n_steps_stacked=4_096,
    n_rounds=3,
    n_seeds=6,
    contests=(
        (64, 20_480, 2, (8, 64)),
        (128, 20_480, 3, (8, 64)),
        (512, 20_480, 2, (8,)),
        (1280, 4_096, 2, (8,)),
    ),
    update_widths=((128, 16), (512, 16), (1280, 4)),
    member_counts=(1, 2, 4, 8, 16),
    env_counts=(8, 64, 384, 1024, 4096, 16384),
    bar_counts=(1_000, 8_760, 35_040, 105_120),
    scaled_widths=(32, 64, 128, 256, 512, 1024),
    n_trials_before=1_000,
    n_trials_asked=8,
    n_days_of_features=365,
    n_decisions=1_000,
    n_trials_of_memory=200,
    n_trials_stored=100_000,
    has_mini_runs=True,
)
QUICK = Effort(
    n_steps=4_096,
    n_steps_stacked=4_096,
    n_rounds=1,
    n_seeds=2,
    contests=((128, 4_096, 1, (8, 64)),),
    update_widths=((128, 8),),
    member_counts=(1, 4),
    env_counts=(64, 384, 4096),
    bar_counts=(1_000, 8_760),
    scaled_widths=(64, 128),
    n_trials_before=50,
    n_trials_asked=3,
    n_days_of_features=30,
    n_decisions=200,
    n_trials_of_memory=0,
    n_trials_stored=2_000,
    has_mini_runs=False,
)
