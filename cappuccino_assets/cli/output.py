"""What commands write: answers to standard output, everything else to standard error."""

import json
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, on standard output.")]

_FILE_WIDTH: Final = 200  # nothing is cut or folded in a file or a pipe


def print_json(value: Any) -> None:
    """Write an answer for programs; times as ISO 8601."""
    typer.echo(json.dumps(value, indent=2, allow_nan=False, default=_plain))


def print_error(kind: str, message: str, *, as_json: bool) -> None:
    """Write why a command failed, in one message."""
    if as_json:
        print_json({"error": {"type": kind, "message": message}})
        return
    console = Console(stderr=True, highlight=False)
    console.print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)


def answer_console() -> Console:
    """Open standard output: as wide as the terminal, or wide enough for any table."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_FILE_WIDTH)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
