"""Stable-Baselines3's PPO with the same networks, losses and schedule."""

from stable_baselines3 import PPO
from torch import nn

from bench.peers.vec_env import MarketVecEnv
from bench.peers.work import Work


def train_sb3(work: Work, env: MarketVecEnv, seed: int) -> PPO:
    config = work.config()
    model = PPO(
        "MlpPolicy",
        env,
        device="cpu",
        seed=seed,
        n_steps=work.rollout // work.n_envs,
        batch_size=work.minibatch,
        n_epochs=work.n_epochs,
        learning_rate=config.learning_rate,
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        clip_range=config.clip_range,
        ent_coef=config.entropy_coef,
        vf_coef=config.value_loss_coef / 2,  # our value loss has a factor of one half
        max_grad_norm=config.max_grad_norm,
        policy_kwargs={
            "net_arch": {"pi": [work.width] * 2, "vf": [work.width] * 2},
            "activation_fn": nn.ReLU,
            "log_std_init": -1.0,
            "optimizer_kwargs": {"eps": config.adam_epsilon},
        },
    )
    return model.learn(work.n_steps, log_interval=None)


def sb3_gradient_steps(model: PPO, work: Work) -> int:
    return int(model._n_updates) * work.rollout // work.minibatch  # it counts epochs
