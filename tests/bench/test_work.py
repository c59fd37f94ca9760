"""What is counted before anything is timed."""

import pytest

from bench.peers.work import Work
from bench.report import Goal


def test_the_reference_training_is_160_gradient_steps():
    work = Work(width=128)
    assert work.n_rollouts == 5
    assert work.n_gradient_steps == 160  # 5 rollouts x 16 passes x 2 minibatches
    assert work.sample_passes == 327_680


def test_flops_of_a_network_of_ones():
    """Weights 1, 1 and 1: 3 forward, 3 for their gradients, 2 for their inputs; 2 FLOP each."""
    work = Work(width=1, n_steps=16, rollout=16, minibatch=16, n_epochs=1)
    assert work.update_flops(n_inputs=1, n_actions=1) == 16 * 2 * 16  # actor and critic


def test_unequal_parts_are_refused():
    with pytest.raises(ValueError, match="whole parts"):
        Work(width=64, minibatch=1000)


@pytest.mark.parametrize(
    ("bound", "measured", "verdict"),
    [
        ("at least", 3.5, "met"),
        ("at least", 3.4, "NOT met"),
        ("below", 3.4, "met"),
        ("below", 3.6, "NOT met"),
    ],
)
def test_a_goal_is_met_on_its_good_side(bound, measured, verdict):
    goal = Goal(name="speed", target=3.5, measured=measured, bound=bound)
    assert goal.verdict == verdict
    assert (goal.ratio >= 1) == (verdict == "met")
