"""Begin, find and finish the campaign that a run works on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.reports.search_record import study_counts
from cappuccino_assets.resources import SearchResource
from cappuccino_assets.settings import Settings
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.locks import hold_until_exit
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.advisors import require_advisor
from cappuccino_assets.tuning.campaign import Campaign, continued_or_new, is_searched, new_campaign
from cappuccino_assets.tuning.exploit import asked_route
from cappuccino_assets.types import Json


def begin_campaign(
    search: SearchResource,
    warehouse: Warehouse,
    *,
    source: str,
    market: Mapping[Interval, Bars],
) -> Campaign:
    """Continue a campaign or begin one, and make it the active one.

    Args:
        search: What is asked for.
        warehouse: Holds the campaigns.
        source: Name of the market.
        market: Bars by interval, the shortest first, of which the others are made.

    Raises:
        CampaignMismatchError: If the name is taken by a campaign that differs.
        ConfigurationError: If the profile needs bars of an interval that is not there, there is no
            such advisor, or nothing to exploit.
        WarehouseError: If another process searches in this warehouse, or what is to be narrowed
            from is not there.
    """
    hold_search(warehouse.layout)
    settings, finest = search.settings, next(iter(market.values()))
    asked = new_campaign(
        name=settings.study,
        profile=settings.profile,
        seed=settings.seed,
        source=source,
        symbols=finest.symbols,
        dataset_digests={i: market[i].digest for i in search.budget.intervals if i in market},
        history=_history(finest),
        now=datetime.now(UTC),
        advisor=settings.advisor,
        trials_ahead=settings.trials_ahead,
    )
    require_advisor(asked.advisor)
    row = _known(warehouse, settings.study)
    known = Campaign.from_json(row["definition"]) if row else None
    finished = row is not None and row["completed_at"] is not None
    route = asked_route(
        warehouse,
        settings.route,
        settings.narrowed_from and campaign_of(warehouse, settings.narrowed_from).name,
        like=asked,
        known=known,
        finished=finished,
    )
    campaign = continued_or_new(
        replace(asked, route=route),
        named=settings.study is not None,
        known=known,
        finished=finished,
    )
    warehouse.activate_campaign(campaign.to_json())
    return campaign


def hold_search(layout: WarehouseLayout) -> None:
    """Keep every other search out of a warehouse for as long as this process lives.

    Raises:
        WarehouseError: If another process searches in it.
    """
    hold_until_exit(
        layout.search_lock,
        refusal=f"Another search is under way in {layout.root}: wait for its end, "
        "or choose another CAPPUCCINO_WAREHOUSE.",
    )


def campaign_of(warehouse: Warehouse, name: str) -> Campaign:
    """Find a campaign by its name, or by that of one of its studies.

    Raises:
        WarehouseError: If there is none; lists those that there are.
    """
    row = warehouse.campaign(name.partition("/")[0])
    if row is not None:
        campaign = Campaign.from_json(row["definition"])
        studies = study_counts(warehouse.layout, campaign.name)
        names = [campaign.name, *(study["study_name"] for study in studies)]
        if name in names:
            return campaign
        raise WarehouseError(
            f"There is no study {name!r}. {campaign.name} has {_listed(names[1:])}."
        )
    known = warehouse.query("campaign_names")["campaign"].to_list()
    raise WarehouseError(f"There is no campaign {name!r}. There are {_listed(known)}.")


def history_end(search: SearchResource, warehouse: Warehouse) -> datetime | None:
    """Say until when a campaign that goes on has its bars, or it would not find the same ones."""
    settings = search.settings
    known = _known(warehouse, settings.study)
    if known is None:
        return None
    campaign = Campaign.from_json(known["definition"])
    goes_on = known["completed_at"] is None and _is_asked_for(campaign, settings)
    return campaign.started_at if settings.study or goes_on else None


def current_campaign(search: SearchResource, warehouse: Warehouse) -> Campaign:
    """Find the active campaign, which everything but the first step of a run works on.

    Raises:
        WarehouseError: If there is none, or this run was told to work on another.
    """
    known = warehouse.active_campaign()
    if known is None:
        raise WarehouseError("No campaign was begun: materialise `raw_bars` first.")
    campaign = Campaign.from_json(known["definition"])
    if search.study not in (None, campaign.name):
        raise WarehouseError(
            f"The active campaign is {campaign.name}, not {search.study}: "
            "materialise `raw_bars` first."
        )
    return campaign


def finish_campaign(warehouse: Warehouse, campaign: Campaign) -> None:
    """Record the end of a campaign whose studies all have their target."""
    row = warehouse.campaign(campaign.name)
    if row and row["completed_at"] is None and is_searched(warehouse, campaign):
        warehouse.complete_campaign(campaign.name, datetime.now(UTC))


def _is_asked_for(campaign: Campaign, settings: Settings) -> bool:
    """Whether a campaign is what the settings ask for, as far as that can be said without bars."""
    fields = ("profile", "seed", "advisor", "trials_ahead")
    if any(getattr(campaign, each) != getattr(settings, each) for each in fields):
        return False
    from_same = settings.narrowed_from in (None, campaign.route.narrowed_from)
    return campaign.route.name == settings.route and from_same


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _history(bars: Bars) -> tuple[datetime, datetime]:
    closed_at = bars.end + timedelta(seconds=bars.interval.seconds)
    return bars.start.astimezone(UTC), closed_at.astimezone(UTC)


def _known(warehouse: Warehouse, name: str | None) -> Json | None:
    return warehouse.active_campaign() if name is None else warehouse.campaign(name)
