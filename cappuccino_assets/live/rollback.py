"""The way back: members of an earlier generation, published anew."""

from dataclasses import replace
from datetime import UTC, datetime

from cappuccino_assets.errors import CappuccinoError, ManifestError
from cappuccino_assets.live.ensemble import load_member
from cappuccino_assets.live.generations import before, next_generation, put_in_force
from cappuccino_assets.live.manifest import Manifest, read_manifest
from cappuccino_assets.live.publish import PATIENCE_S
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.locks import exclusive


def roll_back(layout: WarehouseLayout, *, to: int | None = None) -> Manifest:
    """Publish the members of an earlier generation as a new one, after verifying every file.

    What is rolled back from is not published again while it is what the search finds best.

    Args:
        layout: Where everything lies.
        to: The generation to restore; where None, the latest one with other members that nobody
            rolled back from.

    Returns:
        The new manifest, which is in force.

    Raises:
        ManifestError: If there is nothing to go back to, or a member is missing or changed; names
            each. The manifest in force stays.
    """
    with exclusive(layout.publisher_lock, timeout_s=PATIENCE_S):
        current = read_manifest(layout.manifest)
        earlier = _latest_other(layout, current) if to is None else _named(layout, current, to)
        _require_whole(layout, earlier)
        left = {*current.rejected, current.member_set} - {earlier.member_set}
        manifest = replace(
            earlier,
            generation=next_generation(layout, current),
            created_at=datetime.now(UTC).isoformat(),
            previous_generation=current.generation,
            compared_with=None,
            rejected=tuple(sorted(left)),
            restores=earlier.generation,
        )
        put_in_force(layout, manifest)
    return manifest


def _latest_other(layout: WarehouseLayout, current: Manifest) -> Manifest:
    left = {*current.rejected, current.member_set}
    for manifest in before(layout, current):
        if manifest.member_set not in left:
            return manifest
    raise ManifestError(
        f"Before generation {current.generation} there is none with other members that nobody "
        "rolled back from: there is nothing to go back to."
    )


def _named(layout: WarehouseLayout, current: Manifest, generation: int) -> Manifest:
    if generation == current.generation:
        raise ManifestError(f"Generation {generation} is in force.")
    known = {manifest.generation: manifest for manifest in before(layout, current)}
    if generation not in known:
        raise ManifestError(
            f"No generation {generation} was in force before generation {current.generation}: "
            f"there are {sorted(known) or 'none'}."
        )
    if known[generation].member_set == current.member_set:
        raise ManifestError(
            f"The members of generation {generation} are in force, as generation "
            f"{current.generation}."
        )
    return known[generation]


def _require_whole(layout: WarehouseLayout, manifest: Manifest) -> None:
    faults = []
    for member in manifest.members:
        try:
            load_member(layout.ensemble, manifest, member)
        except CappuccinoError as error:
            faults.append(f"{member.vin}: {error}")
    if faults:
        raise ManifestError(
            f"Generation {manifest.generation} cannot be restored, for {len(faults)} of its "
            f"{len(manifest.members)} members are not what was published:\n" + "\n".join(faults)
        )
