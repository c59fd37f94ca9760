"""How much one PPO training is: the same for every contender, and counted."""

from dataclasses import dataclass

from cappuccino_assets.agents.ppo import PPOConfig

MINIBATCH = 2048
ROLLOUT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A whole PPO training of one member.

    Attributes:
        width: Units of each of two hidden layers, of actor and critic alike.
        n_steps: Environment steps.
        rollout: Environment steps between two updates.
        minibatch: Samples of one gradient step.
        n_epochs: Passes over each rollout.
        n_envs: Environments that step together.
    """

    width: int
    n_steps: int = 20_480
    rollout: int = ROLLOUT
    minibatch: int = MINIBATCH
    n_epochs: int = 16
    n_envs: int = 8

    def __post_init__(self) -> None:
        whole = (self.n_steps, self.rollout), (self.rollout, self.minibatch)
        for large, small in (*whole, (self.rollout, self.n_envs)):
            if large % small:
                raise ValueError(f"Contenders do equal work in whole parts: {large} / {small}.")

    @property
    def n_rollouts(self) -> int:
        return self.n_steps // self.rollout

    @property
    def n_gradient_steps(self) -> int:
        return self.n_rollouts * self.n_epochs * self.rollout // self.minibatch

    @property
    def sample_passes(self) -> int:
        return self.n_steps * self.n_epochs

    def update_flops(self, *, n_inputs: int, n_actions: int) -> int:
        """Multiplications and additions of all forward and backward passes of the updates.

        Each weight is used once forward and once for its own gradient, and once more for the
        gradient of its layer's input, but for the first layer, whose input nobody changes.
        """
        each = 0
        for n_outputs in (n_actions, 1):  # actor, critic
            later = self.width * self.width + self.width * n_outputs
            each += 2 * (2 * (n_inputs * self.width + later) + later)
        return each * self.sample_passes

    def config(self, *, learning_rate: float = 1e-3) -> PPOConfig:
        """Our hyper-parameters; the peers translate them."""
        return PPOConfig(
            net_dimension=self.width,
            batch_size=self.minibatch,
            learning_rate=learning_rate,
            gamma=0.98,
            target_step=self.rollout,
            ppo_epochs=self.n_epochs,
            kl_target=1e9,  # nobody stops early
            lr_schedule_factor=1.0,  # nor slows down
        )
