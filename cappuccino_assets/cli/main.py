"""The `cappuccino` command."""

import sys
from typing import Final

import click
import typer

from cappuccino_assets.cli.analysis import analysis
from cappuccino_assets.cli.faults import file_fault
from cappuccino_assets.cli.ledger import ledger
from cappuccino_assets.cli.output import print_error
from cappuccino_assets.cli.placebo import placebo
from cappuccino_assets.cli.prove import prove_causal
from cappuccino_assets.cli.report import report
from cappuccino_assets.cli.rollback import rollback
from cappuccino_assets.cli.run import run
from cappuccino_assets.cli.status import status
from cappuccino_assets.cli.studies import studies
from cappuccino_assets.cli.sync import sync
from cappuccino_assets.cli.verify import verify
from cappuccino_assets.cli.vin import vin
from cappuccino_assets.cli.worker import worker
from cappuccino_assets.errors import CappuccinoError

FAILURE: Final = 1

app = typer.Typer(
    suggest_commands=False,  # click does
    help="Crypto trading agents, from bars to an ensemble. Exit codes: 0 done, 1 failed, 2 usage.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(run)
app.command()(worker)
app.command()(status)
app.command()(analysis)
app.command()(report)
app.command()(prove_causal)
app.command()(placebo)
app.command()(sync)
app.command()(rollback)
app.command()(vin)
app.command()(verify)
app.add_typer(ledger, name="ledger")
app.add_typer(studies, name="studies")


def main() -> None:
    """Run the command line; what is known to go wrong is one message and exit code 1."""
    as_json = "--json" in sys.argv
    try:
        sys.exit(app(standalone_mode=not as_json) or 0)
    except CappuccinoError as error:
        print_error(type(error).__name__, str(error), as_json=as_json)
    except OSError as error:
        print_error(type(error).__name__, file_fault(error), as_json=as_json)
    except click.UsageError as error:
        print_error(type(error).__name__, error.format_message(), as_json=as_json)
        sys.exit(error.exit_code)
    sys.exit(FAILURE)


if __name__ == "__main__":
    main()
