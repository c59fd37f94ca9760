"""What one trial leaves on disk, and in a shared place: `python -m bench.trial_bytes`."""

from pathlib import Path
from tempfile import TemporaryDirectory

from bench.decisions import untrained_model
from bench.report import Table
from bench.study import drawn_trials, plan_of, search_arrays
from cappuccino_assets.storage.artifacts import push_folder
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.weights import write_weights
from cappuccino_assets.tuning.objective import run_trial
from cappuccino_assets.tuning.ranges import search_space

_WIDTHS = (64, 512, 1536)
_N_DAYS = 365


def main() -> None:
    with TemporaryDirectory() as folder:
        print(_trial(Path(folder)).markdown())
        print()
        print(_weights(Path(folder)).markdown())


def _trial(root: Path) -> Table:
    """Run one small trial; how long it trains changes none of these sizes."""
    arrays = search_arrays(_N_DAYS, enhanced=True)
    plan = plan_of(arrays, search_space(phase=2, algorithm="ppo", ranges="mini"))
    layout = WarehouseLayout(root=root / "here", artifacts_url=(root / "shared").as_uri())
    (drawn,) = drawn_trials(plan.space, 1)
    run_trial(plan, plan.space.values(drawn.params), 0, arrays, layout)
    trial = layout.trial(plan.study_name, 0)
    push_folder(layout, trial)
    rows = [(path.name, path.stat().st_size) for path in sorted(trial.iterdir())]
    shared = sum(path.stat().st_size for path in (root / "shared").rglob("*") if path.is_file())
    return Table(
        title="Bytes of one trial",
        columns=("file", "bytes"),
        rows=(*rows, ("all", sum(size for _, size in rows)), ("in the shared place", shared)),
        note=f"{arrays.n_bars} hourly bars, {len(arrays.symbols)} symbols, "
        f"{plan.profile.n_splits} splits, the `mini` ranges.",
    )


def _weights(root: Path) -> Table:
    rows = []
    for width in _WIDTHS:
        path = root / f"{width}.safetensors"
        write_weights(path, dict(untrained_model(width, 0).tensors), contract_hash="0" * 64)
        rows.append((width, path.stat().st_size))
    return Table(title="Bytes of the weights", columns=("width", "bytes"), rows=tuple(rows))


if __name__ == "__main__":
    main()
