"""What tells one set of an ensemble's members from another."""

from collections.abc import Iterable

from cappuccino_assets.storage.files import canonical_json, sha256_of


def member_set_digest(trials: Iterable[tuple[str, int]]) -> str:
    """Hash study names and numbers, in their order; 64 hexadecimal digits.

    A trial has one model for ever, so equal digests are equal members.
    """
    return sha256_of(canonical_json(list(trials)).encode())
