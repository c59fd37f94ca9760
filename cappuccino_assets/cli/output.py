"""What commands write: answers to standard output, everything else to standard error."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, on standard output.")]


def print_json(value: Any) -> None:
    """Write an answer for programs."""
    typer.echo(json.dumps(value, indent=2, allow_nan=False, default=str))


def print_error(error: BaseException, *, as_json: bool) -> None:
    """Write why a command failed, in one message."""
    if as_json:
        print_json({"error": {"type": type(error).__name__, "message": str(error)}})
        return
    console = Console(stderr=True, highlight=False)
    console.print(f"[bold red]error:[/] {_plain(error)}", soft_wrap=True)


def _plain(error: BaseException) -> str:
    return str(error).replace("[", r"\[")
