"""Machines whose memory is too small for some trainings: they raise what torch raises there."""

from collections.abc import Sequence

import torch

from cappuccino_assets.training.trainer import MemberPlan, PopulationTraining, TrainedPopulation
from tests.training.populations import AGENTS, population


class Narrow:
    """Builds trainings; no more members than these, and no larger passes, find room together."""

    def __init__(self, algorithm: str, *, n_members: int = 99, micro_batch: int = 9999):
        self._agent = AGENTS[algorithm]
        self._n_members, self._micro_batch = n_members, micro_batch

    def __call__(
        self, plans: Sequence[MemberPlan], *, device: torch.device, micro_batch: int
    ) -> PopulationTraining:
        if len(plans) > self._n_members or micro_batch > self._micro_batch:
            torch.empty(2**60, dtype=torch.uint8)  # raises
        return population(self._agent, plans, device=device, micro_batch=micro_batch)


class Full(PopulationTraining):
    """Goes on with another's training; its outcome finds no room while anything is lacking."""

    def __init__(self, training: PopulationTraining, lacking: list[str]):
        vars(self).update(vars(training))
        self._lacking = lacking

    def outcome(self) -> TrainedPopulation:
        if self._lacking:
            self._lacking.pop()
            torch.empty(2**60, dtype=torch.uint8)  # raises
        return super().outcome()


class NarrowInTheEnd(Narrow):
    """Builds trainings whose first outcomes find no room."""

    def __init__(self, algorithm: str, *, n_failures: int):
        super().__init__(algorithm)
        self._lacking = ["room"] * n_failures

    def __call__(
        self, plans: Sequence[MemberPlan], *, device: torch.device, micro_batch: int
    ) -> PopulationTraining:
        training = super().__call__(plans, device=device, micro_batch=micro_batch)
        return Full(training, self._lacking)
