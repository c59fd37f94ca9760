"""Random numbers that belong to a member: the same whether it is trained alone or in company."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15 - 2**64  # as signed 64-bit integers
_MIX_1 = 0xBF58476D1CE4E5B9 - 2**64
_MIX_2 = 0x94D049BB133111EB - 2**64


class MemberRandom:
    """A counter-based generator with one independent stream per member.

    Draw number i of a member is a hash of (its seed, i) and of nothing else, so streams do not
    depend on the number of members or on the device, and the state is two small numbers.

    Args:
        seeds: One seed per member, M in all.
        device: Where the numbers are drawn.

    References:
        Steele et al., "Fast Splittable Pseudorandom Number Generators" (2014), SplitMix64;
        Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (2011), for counters as keys.
    """

    def __init__(self, seeds: Sequence[int], *, device: torch.device | str = "cpu"):
        signed = [seed % 2**64 - (2**64 if seed % 2**64 >= 2**63 else 0) for seed in seeds]
        self._keys = _mix(torch.tensor(signed, dtype=torch.int64, device=device))
        self.counter = 0

    @property
    def n_members(self) -> int:
        """Number of streams, M."""
        return self._keys.shape[0]

    @property
    def device(self) -> torch.device:
        """Where the numbers are drawn."""
        return self._keys.device

    def uniform(self, *shape: int) -> Tensor:
        """Draw from the open unit interval; float64, shape (M, *shape)."""
        bits = _logical_shift(self._bits(math.prod(shape)), 11)
        return ((bits.double() + 0.5) * 2.0**-53).view(-1, *shape)

    def normal(self, *shape: int) -> Tensor:
        """Draw from the standard normal distribution; float32, shape (M, *shape)."""
        draws = torch.erfinv(self.uniform(*shape).mul_(2.0).sub_(1.0))
        return draws.mul_(math.sqrt(2.0)).float()

    def integers(self, high: int, *shape: int) -> Tensor:
        """Draw integers from [0, high); int64, shape (M, *shape)."""
        return (self.uniform(*shape) * high).long()

    def permutations(self, n: int) -> Tensor:
        """Draw one permutation of n items per member; int64, shape (M, n)."""
        return self.uniform(n).argsort(dim=1, stable=True)

    def _bits(self, n: int) -> Tensor:
        numbers = torch.arange(
            self.counter, self.counter + n, dtype=torch.int64, device=self._keys.device
        )
        self.counter += n
        return _mix(self._keys[:, None] + numbers * _GOLDEN)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _logical_shift(x, 30)) * _MIX_1
    x = (x ^ _logical_shift(x, 27)) * _MIX_2
    return x ^ _logical_shift(x, 31)


def _logical_shift(x: Tensor, n: int) -> Tensor:
    shifted: Tensor = (x >> n) & (2 ** (64 - n) - 1)
    return shifted
