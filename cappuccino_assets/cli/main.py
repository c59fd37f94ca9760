"""The `cappuccino` command."""

import sys
from typing import Final

import typer
from pydantic import ValidationError

from cappuccino_assets.cli.output import print_error
from cappuccino_assets.cli.run import run
from cappuccino_assets.cli.status import status
from cappuccino_assets.cli.vin import vin
from cappuccino_assets.errors import CappuccinoError

FAILURE: Final = 1

app = typer.Typer(
    help="Crypto trading agents, from bars to an ensemble. Exit codes: 0 done, 1 failed, 2 usage.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(run)
app.command()(status)
app.command()(vin)


def main() -> None:
    """Run the command line; what is known to go wrong is one message and exit code 1."""
    try:
        app()
    except (CappuccinoError, ValidationError) as error:
        print_error(error, as_json="--json" in sys.argv)
        sys.exit(FAILURE)
