"""How a study's next trial gets its values, also where an earlier try at that was cut short."""

import warnings

import optuna

from cappuccino_assets.tuning.spaces import SearchSpace, suggest


def ask(study: optuna.Study, space: SearchSpace) -> optuna.Trial:
    """Ask for the next trial, and for the values of a whole space.

    A process that died half-way has left a trial with some of its values. They are kept, and the
    others are what they would have been: the draws of the kept ones are repeated for nothing.

    Args:
        study: Its sampler was seeded for the trial that is next.
        space: What is searched.
    """
    with warnings.catch_warnings():  # that `ask` sends no sign of life, which workers do
        warnings.filterwarnings("ignore", message="Heartbeat of storage", category=UserWarning)
        trial = study.ask()
    for parameter in space.parameters:
        if parameter.raw_name in trial.distributions:
            _draw_again(trial, parameter.raw_name)
    suggest(trial, space)
    return trial


def _draw_again(trial: optuna.Trial, name: str) -> None:
    frozen = trial.study.get_trials(deepcopy=False)[trial.number]
    distribution = frozen.distributions[name]
    is_fixed = name in frozen.system_attrs.get("fixed_params", {}) or distribution.single()
    if not (is_fixed or name in trial.relative_params):  # those are drawn all at once
        trial.study.sampler.sample_independent(trial.study, frozen, name, distribution)
