"""`cappuccino prove-causal`: recompute everything without the future, and with another one."""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from cappuccino_assets.cli.output import AsJson, print_json
from cappuccino_assets.settings import current_settings
from cappuccino_assets.types import Json

if TYPE_CHECKING:
    from cappuccino_assets.market.bars import Bars
    from cappuccino_assets.proofs.findings import Proof

_SIMULATED_DAYS: Final = 365


def prove_causal(
    source: Annotated[
        Literal["simulated", "files"] | None,
        typer.Option(help="Where bars come from: a file if one is given, else simulated."),
    ] = None,
    bars: Annotated[
        Path | None,
        typer.Option(help="Parquet or CSV file of bars.", exists=True, dir_okay=False),
    ] = None,
    interval: Annotated[
        Literal["5m", "15m", "30m", "1h", "4h"],
        typer.Option(help="Bars that features are made of."),
    ] = "1h",
    cuts: Annotated[int, typer.Option(min=1, help="Times at which the history is cut.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Of cuts, other futures and trades.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Prove that nothing knows the future: bars, features, scalers, observations, rewards, splits.

    Everything is recomputed from the bars before a cut only, and with other bars after it, and
    compared bit for bit. The exit code is 1 if one number differs.
    """
    began = perf_counter()
    path = _file(source, bars)
    history = _simulated(seed, interval) if path is None else _read(path)
    import torch

    from cappuccino_assets.market.intervals import Interval
    from cappuccino_assets.proofs.prover import prove_causal as prove
    from cappuccino_assets.proofs.settings import ProofSettings

    torch.set_num_threads(1)  # tensors are small, and threads wait for each other
    proof = prove(
        history, settings=ProofSettings(interval=Interval(interval), n_cuts=cuts, seed=seed)
    )
    answer = {
        "source": "simulated" if path is None else str(path),
        "dataset_digest": history.digest,
        "bars": {"n": history.n_bars, "interval": history.interval.value},
        "interval": interval,
        "seed": seed,
        "seconds": round(perf_counter() - began, 1),
        **proof.to_json(),
    }
    conclude(proof, answer, as_json=as_json)


def conclude(proof: "Proof", answer: Json, *, as_json: bool) -> None:
    """Show a proof, and end with exit code 1 if it does not hold.

    Raises:
        typer.Exit: With that code.
    """
    if as_json:
        print_json(answer)
    else:
        from cappuccino_assets.cli.proof_screen import print_proof

        print_proof(answer, [f"{check.name}: {check.verdict}" for check in proof.failures])
    if not proof.holds:
        raise typer.Exit(1)


def _file(source: str | None, bars: Path | None) -> Path | None:
    """Which file to read, or None for a simulated market."""
    if source == "simulated" and bars is not None:
        raise typer.BadParameter("only the source `files` reads one.", param_hint="--bars")
    path = bars or (current_settings().bars if source == "files" else None)
    if source == "files" and path is None:
        raise typer.BadParameter("the source `files` needs a file.", param_hint="--bars")
    return path


def _read(path: Path) -> "Bars":
    from cappuccino_assets.market.sources.files import FileSource

    return FileSource(path=path, **_symbols()).fetch_bars()


def _simulated(seed: int, proven: str) -> "Bars":
    """A simulated market with every kind of gap, of half-hours where those can be resampled."""
    from cappuccino_assets.market.intervals import Interval
    from cappuccino_assets.market.sources.simulated import SimulatedSource
    from cappuccino_assets.proofs.futures import with_gaps

    interval = min(Interval.M30, Interval(proven), key=lambda each: each.seconds)
    market = SimulatedSource(seed=seed, interval=interval, n_days=_SIMULATED_DAYS, **_symbols())
    return with_gaps(market.fetch_bars(), seed=seed)


def _symbols() -> dict[str, Any]:
    symbols = current_settings().symbols
    return {} if symbols is None else {"symbols": symbols}
