"""Who follows the active campaign, and who follows another one."""

from dataclasses import asdict, dataclass
from typing import Final

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.registry.in_force import InForce, ensemble_in_force, why_it_stays
from cappuccino_assets.reports.search_record import top_set
from cappuccino_assets.reports.standing import campaign_in
from cappuccino_assets.reports.workers_at_work import workers_at_work
from cappuccino_assets.storage.locks import is_held_elsewhere
from cappuccino_assets.storage.member_sets import member_set_digest
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.campaign import Campaign, is_searched
from cappuccino_assets.tuning.studies import GRACE_S
from cappuccino_assets.types import Json

AGREED: Final = "Winner, comparison, ensemble and workers are those of the active campaign."


@dataclass(frozen=True, slots=True, kw_only=True)
class Astray:
    """Something that is of another campaign than the active one.

    Attributes:
        what: In words.
        campaign: Whose it is.
        excuse: Why that is right for now; None where it is a fault.
        remedy: What ends the fault, where the commands for all do not.
    """

    what: str
    campaign: str
    excuse: str | None
    remedy: str | None = None

    def to_json(self) -> Json:
        """Write as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """Whether everything is of the active campaign.

    Attributes:
        active: Its name.
        astray: What is not.
        remedies: What ends the faults among them, in words.
    """

    active: str
    astray: tuple[Astray, ...]
    remedies: tuple[str, ...]

    @property
    def faults(self) -> tuple[Astray, ...]:
        """What has no excuse."""
        return tuple(each for each in self.astray if each.excuse is None)

    @property
    def text(self) -> str:
        """All of it in words."""
        if not self.faults:
            return AGREED if not self.astray else " ".join(map(_said, self.astray))
        named = "; ".join(f"{each.what} is of {each.campaign}" for each in self.faults)
        return f"The active campaign is {self.active}, but {named}. {' '.join(self.remedies)}"

    def to_json(self) -> Json:
        """Write as JSON values."""
        return {
            "agreed": not self.faults,
            "astray": [each.to_json() for each in self.astray],
            "remedies": list(self.remedies),
            "text": self.text,
        }


def campaign_following(warehouse: Warehouse) -> Following:
    """Compare everything that belongs to one campaign with the row that names the active one.

    What another process's search has not come to yet may be the earlier campaign's, for as long as
    that process lives. The ensemble may be another campaign's for good where it is on record why:
    it was better, or the active one's was rolled back from.

    Raises:
        WarehouseError: If there is no active campaign.
        ManifestError: If the manifest is damaged.
        IntegrityError: If an outcome, a trial or a kept comparison is damaged.
    """
    row = warehouse.active_campaign()
    if row is None:
        raise WarehouseError("No campaign was begun: `cappuccino run` does.")
    active = Campaign.from_json(row["definition"])
    under_way = is_held_elsewhere(warehouse.layout.search_lock)
    lag = f"{active.name} is being searched." if under_way else None
    held = [*_outcomes(warehouse, lag), *_ensemble(warehouse, active, lag)]
    others = [each for each in held if each.campaign != active.name]
    astray = (*others, *strangers_at_work(warehouse, active.name))
    remedies = _remedies(warehouse, active, [each for each in astray if each.excuse is None])
    return Following(active=active.name, astray=astray, remedies=remedies)


def strangers_at_work(warehouse: Warehouse, campaign: str) -> list[Astray]:
    """List who is at work on another campaign now, of those that are known in this warehouse.

    A server may hold studies of campaigns that nobody knows here.
    """
    return [
        Astray(
            what=f"process {each.process.pid} of {each.process.hostname}, at work on trial "
            f"{each.number} of {each.study_name},",
            campaign=each.campaign,
            excuse=None,
            remedy=f"Stop process {each.process.pid} of {each.process.hostname}.",
        )
        for each in workers_at_work(warehouse.layout, grace_s=GRACE_S)
        if each.health == "alive"
        and each.campaign != campaign
        and warehouse.campaign(each.campaign) is not None
    ]


def _outcomes(warehouse: Warehouse, excuse: str | None) -> list[Astray]:
    layout = warehouse.layout
    found = ((path, campaign_in(path)) for path in (layout.phase1_winner, layout.phase2_comparison))
    return [Astray(what=path.name, campaign=of, excuse=excuse) for path, of in found if of]


def _ensemble(warehouse: Warehouse, active: Campaign, lag: str | None) -> list[Astray]:
    in_force = ensemble_in_force(warehouse.layout)
    if in_force is None:
        return []
    excuse = lag or _why_kept(warehouse, active, in_force)
    what = f"the ensemble in force (generation {in_force.generation})"
    return [Astray(what=what, campaign=in_force.campaign, excuse=excuse)]


def _why_kept(warehouse: Warehouse, active: Campaign, in_force: InForce) -> str | None:
    """Say why the ensemble of another campaign stays for good; None where nobody has decided it."""
    best = top_set(warehouse.layout, active.name)
    if not best or in_force.campaign == active.name:
        return None
    member_set = member_set_digest(best)
    if member_set not in in_force.rejected and not is_searched(warehouse, active):
        return None
    return why_it_stays(warehouse, active.name, member_set, in_force)


def _remedies(warehouse: Warehouse, active: Campaign, faults: list[Astray]) -> tuple[str, ...]:
    own = dict.fromkeys(each.remedy for each in faults if each.remedy)
    rows = [warehouse.campaign(n) for n in sorted({e.campaign for e in faults if not e.remedy})]
    back = [Campaign.from_json(row["definition"]) for row in rows if row]
    commands = (
        [f"`{_command(warehouse, active)}` moves everything to {active.name}."] if rows else []
    )
    commands += [f"`{_command(warehouse, each)}` goes back to {each.name}." for each in back]
    return (*own, *commands)


def _command(warehouse: Warehouse, campaign: Campaign) -> str:
    searched = is_searched(warehouse, campaign)
    return f"cappuccino {'sync' if searched else 'run --study'} {campaign.name}"


def _said(each: Astray) -> str:
    return f"{each.what[0].upper()}{each.what[1:]} is of {each.campaign}: {each.excuse}"
