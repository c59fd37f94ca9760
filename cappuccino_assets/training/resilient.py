"""A population's training that outlives its process, and a want of memory."""

import gc
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Protocol, TypeVar

import torch

from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.errors import CheckpointMismatchError, InfrastructureError
from cappuccino_assets.storage.files import canonical_json, sha256_of
from cappuccino_assets.training.checkpoints import CheckpointFolder
from cappuccino_assets.training.library_random import restore_library_random
from cappuccino_assets.training.memory import Rung, is_out_of_memory
from cappuccino_assets.training.trainer import MemberPlan, PopulationTraining, TrainedPopulation
from cappuccino_assets.types import Json

_LOGGER: Final = logging.getLogger(__name__)
_ENVIRONMENT: Final = ("code", "precision", "torch")  # what an upgrade or a setting changes
_Result = TypeVar("_Result")


class TrainingBuilder(Protocol):
    """Makes the training of some members."""

    def __call__(
        self, members: Sequence[MemberPlan], *, device: torch.device, micro_batch: int
    ) -> PopulationTraining:
        """Begin one; the other arguments are those of `PopulationTraining`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Resilience:
    """What a training may do to come to its end.

    Attributes:
        checkpoints: Where its states are kept, and under which identity; the members' is added.
        every: Environment steps between two checkpoints; None for none.
        may_move_to_cpu: Whether it may leave a GPU whose memory is too small for any of it.
    """

    checkpoints: CheckpointFolder
    every: int | None
    may_move_to_cpu: bool = False

    def __post_init__(self) -> None:
        """Refuse an interval that never comes.

        Raises:
            ValueError: The rule, and the value that breaks it.
        """
        if self.every is not None and self.every < 1:
            raise ValueError(f"Steps between checkpoints are positive, but got {self.every=}.")


class ResilientTraining:
    """A `PopulationTraining` that goes on from its last checkpoint, and shrinks to fit into memory.

    Where memory runs out, the training restarts from its last checkpoint, or its beginning, with
    half the micro-batch; when that is small already, in parts of the population, one after the
    other; then on the CPU, where that is allowed.

    Args:
        build: Makes the training of some of the members.
        members: One plan per member, M.
        batch_size: Samples of a minibatch.
        device: Where it begins.
        resilience: What it may do.

    Attributes:
        events: What happened besides training: continuations, and steps down the ladder.
    """

    def __init__(
        self,
        build: TrainingBuilder,
        members: Sequence[MemberPlan],
        *,
        batch_size: int,
        device: torch.device,
        resilience: Resilience,
    ):
        self._build = build
        self._members = members
        self._batch_size = batch_size
        self._resilience = resilience
        self._rung = Rung(device=device)
        self._opened: tuple[slice, PopulationTraining] | None = None
        self.events: list[Json] = []
        first = self._within_memory(lambda: self._open(self._parts()[0]))
        self._n_steps, self._n_done = first.n_steps, first.n_done
        if first.n_done:
            self._tell({"event": "continued", "step": first.n_done})

    @property
    def n_steps(self) -> int:
        """Environment steps of the whole training of one member."""
        return self._n_steps

    @property
    def n_done(self) -> int:
        """Environment steps that each member has taken."""
        return self._n_done

    def advance(self, until_step: int) -> None:
        """Go on until at least so many steps are done, or all are.

        Raises:
            InfrastructureError: If memory does not suffice for the smallest part.
        """
        self._within_memory(lambda: self._advance(until_step))

    def outcome(self) -> TrainedPopulation:
        """Copy the members as they are now.

        Raises:
            TrialFailedError: If a weight or diagnostic is not finite.
            InfrastructureError: If memory does not suffice for the smallest part.
        """
        return self._within_memory(self._outcome)

    def _parts(self) -> list[slice]:
        return self._rung.parts(len(self._members))

    def _within_memory(self, action: Callable[[], _Result]) -> _Result:
        while True:
            try:
                return action()
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                reason = f"{type(error).__name__}: {error}".splitlines()[0]
            self._step_down(reason)  # outside, where the error's frames hold no tensor any more

    def _step_down(self, reason: str) -> None:
        below = self._rung.below(
            batch_size=self._batch_size,
            n_members=len(self._members),
            may_move_to_cpu=self._resilience.may_move_to_cpu,
        )
        if below is None:
            raise InfrastructureError(
                f"Memory does not suffice for one member at a time with passes of "
                f"{self._rung.micro_batch} samples on {self._rung.device}: {reason}"
            )
        self._tell({"event": "out_of_memory", "reason": reason, **below.to_json()})
        self._rung = below
        self._close()

    def _close(self) -> None:
        self._opened = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _advance(self, until_step: int) -> None:
        for part in self._parts():
            self._n_done = self._trained(part, until_step).n_done

    def _outcome(self) -> TrainedPopulation:
        # A step down has forgotten what was in memory only, so the parts come here anew.
        parts = [self._trained(part, self._n_done).outcome() for part in self._parts()]
        if any(part.n_steps != self._n_done for part in parts):
            n_steps = [part.n_steps for part in parts]
            raise RuntimeError(f"After {self._n_done} steps, parts have done {n_steps}.")
        return _together(parts)

    def _trained(self, part: slice, until_step: int) -> PopulationTraining:
        training = self._open(part)
        begun = training.n_done
        while training.n_done < min(until_step, training.n_steps):
            before, every = training.n_done, self._resilience.every
            stop = until_step if every is None else (before // every + 1) * every
            training.advance(min(stop, until_step))
            due = every is not None and training.n_done >= stop
            if due and training.n_done < training.n_steps:
                self._keep(part, training)
        if training.n_done > begun and self._rung.n_parts > 1:
            self._keep(part, training)
        return training

    def _keep(self, part: slice, training: PopulationTraining) -> None:
        self._folder(part).write(training.n_done, training.state_dict())

    def _open(self, part: slice) -> PopulationTraining:
        """Hold the training of one part in memory, as its last checkpoint has it."""
        if self._opened is not None and self._opened[0] == part:
            return self._opened[1]
        self._close()
        training = self._build(
            self._members[part], device=self._rung.device, micro_batch=self._rung.micro_batch
        )
        self._resume(part, training)
        self._opened = part, training
        return training

    def _resume(self, part: slice, training: PopulationTraining) -> None:
        folder = self._folder(part)
        try:
            checkpoint = folder.latest()
        except CheckpointMismatchError as error:
            if error.field not in _ENVIRONMENT:
                raise
            self._tell(
                {
                    "event": "checkpoint_of_other_environment",
                    "field": error.field,
                    "reason": str(error),
                }
            )
            folder.remove()
            return
        if checkpoint is not None:
            training.load_state_dict(checkpoint.state)
            restore_library_random(checkpoint.library_random)

    def _folder(self, part: slice) -> CheckpointFolder:
        folder, members = self._resilience.checkpoints, self._members[part]
        digest = sha256_of(canonical_json([asdict(each) for each in members]).encode())
        return folder.of_part(f"members_{part.start:03d}_{part.stop:03d}", members=digest)

    def _tell(self, event: Json) -> None:
        self.events.append(event)
        _LOGGER.warning("A training changed its course: %s", event)


def _together(parts: Sequence[TrainedPopulation]) -> TrainedPopulation:
    """Join the outcomes of the parts of one population."""
    if len(parts) == 1:
        return parts[0]
    policies = [part.policy for part in parts]
    members = [p.member_tensors(member) for p in policies for member in range(p.n_members)]
    return TrainedPopulation(
        policy=Policy.from_members(members, policies[0].action_space),
        n_steps=parts[0].n_steps,
        curve=[
            {name: [x for entry in entries for x in entry[name]] for name in entries[0]}
            for entries in zip(*(part.curve for part in parts), strict=True)
        ],
    )
