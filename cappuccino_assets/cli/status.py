"""`cappuccino status`: how the active campaign stands."""

from cappuccino_assets.cli.output import AsJson, print_json
from cappuccino_assets.settings import current_settings
from cappuccino_assets.storage.layout import configured_layout


def status(as_json: AsJson = False) -> None:
    """Show the active campaign: its studies, outcome, archive and ensemble."""
    from cappuccino_assets.reports.standing import campaign_standing
    from cappuccino_assets.storage.warehouse import Warehouse

    layout = configured_layout(current_settings())
    standing = campaign_standing(Warehouse(layout))
    if as_json:
        print_json(standing)
    else:
        from cappuccino_assets.cli.screens import print_status

        print_status(standing)
