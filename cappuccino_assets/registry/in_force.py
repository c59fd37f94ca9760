"""Which ensemble is in force, and why it stays although a search has other best trials."""

from dataclasses import dataclass
from typing import Self

from cappuccino_assets.errors import IntegrityError, ManifestError, WarehouseError
from cappuccino_assets.storage.files import read_object
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.member_sets import member_set_digest
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.campaign import Campaign, is_searched
from cappuccino_assets.types import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What a manifest says of its ensemble as a whole; its members are not verified.

    Attributes:
        campaign: Whose search found them.
        generation: Of the manifest.
        members: Study and number of each, best first.
        rejected: Digests of the sets of members that were rolled back from.
    """

    campaign: str
    generation: int
    members: tuple[tuple[str, int], ...]
    rejected: tuple[str, ...]

    @property
    def member_set(self) -> str:
        """Digest of its members."""
        return member_set_digest(self.members)

    @classmethod
    def from_json(cls, manifest: Json) -> Self:
        """Read a manifest's JSON.

        Raises:
            KeyError: If a value is missing.
            TypeError: If one has another type.
        """
        return cls(
            campaign=manifest["study_name"],
            generation=manifest["generation"],
            members=tuple(
                (member["study_name"], member["trial_number"]) for member in manifest["members"]
            ),
            rejected=tuple(manifest.get("rejected", ())),
        )


def ensemble_in_force(layout: WarehouseLayout) -> InForce | None:
    """Read who trades; None where nothing was published yet.

    Raises:
        ManifestError: If the manifest is damaged.
    """
    if not layout.manifest.is_file():
        return None
    try:
        return InForce.from_json(read_object(layout.manifest))
    except (IntegrityError, KeyError, TypeError) as error:
        raise ManifestError(f"{layout.manifest} is damaged: {error}") from error


def why_it_waits(
    warehouse: Warehouse, campaign: str, member_set: str, in_force: InForce
) -> str | None:
    """Say why a campaign's best trials are not published, nor compared; None where they may be.

    An ensemble of another campaign is compared once, when the search is done: to compare after
    every trial would be to choose by the hold-out.

    Raises:
        WarehouseError: If the campaign is unknown.
    """
    if member_set in in_force.rejected:
        return f"The best trials of {campaign} were rolled back from."
    if in_force.campaign == campaign:
        return None
    row = warehouse.campaign(campaign)
    if row is None:
        raise WarehouseError(f"There is no campaign {campaign!r}.")
    if is_searched(warehouse, Campaign.from_json(row["definition"])):
        return None
    return (
        f"{campaign} is not searched to its end, and its ensemble is compared once: "
        f"generation {in_force.generation} of {in_force.campaign} stays until then."
    )


def why_it_stays(
    warehouse: Warehouse,
    campaign: str,
    member_set: str,
    in_force: InForce,
    *,
    replace_incomparable: bool = False,
) -> str | None:
    """Say why other members than a campaign's best trials are in force; None where nobody has said.

    Args:
        warehouse: Holds campaigns and comparisons.
        campaign: The active one.
        member_set: Of its best trials.
        in_force: Who trades.
        replace_incomparable: Whether what cannot be compared would be published.

    Raises:
        IntegrityError: If the comparison that was kept is damaged.
        WarehouseError: If the campaign is unknown.
    """
    if waits := why_it_waits(warehouse, campaign, member_set, in_force):
        return waits
    path = warehouse.layout.comparison(member_set, in_force.member_set)
    if not path.is_file():
        return None
    kept = read_object(path)
    refused = not kept["replaces"] and not (kept["hindrance"] and replace_incomparable)
    return str(kept["text"]) if refused else None
