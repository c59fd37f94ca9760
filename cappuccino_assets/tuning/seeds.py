"""Seeds that follow from an identity and from nothing else."""

import hashlib

from cappuccino_assets.storage.files import canonical_json

_SEED_BYTES = 8


def derive_seed(*identity: str | int) -> int:
    """Hash an identity to a seed.

    Args:
        identity: What the seed belongs to, for example (campaign seed, study name, trial number).

    Returns:
        An integer in [0, 2^63), which fits a signed 64-bit column.
    """
    digest = hashlib.sha256(canonical_json(list(identity)).encode()).digest()
    return int.from_bytes(digest[:_SEED_BYTES], "big") >> 1
