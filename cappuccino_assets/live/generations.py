"""Generations of the ensemble: how one comes into force, and which were before it."""

from collections.abc import Iterator
from pathlib import Path

from cappuccino_assets.live.manifest import Manifest, read_manifest
from cappuccino_assets.storage.files import write_json
from cappuccino_assets.storage.layout import WarehouseLayout


def next_generation(layout: WarehouseLayout, current: Manifest | None) -> int:
    """Number the next generation; a number is never used again, published or not."""
    written = [int(path.stem) for path in layout.generations.glob("[0-9]*.json")]
    return 1 + max([*written, current.generation if current else 0])


def put_in_force(layout: WarehouseLayout, manifest: Manifest) -> None:
    """Keep a generation, then make it the one that traders follow."""
    write_json(_kept_at(layout, manifest.generation), manifest.to_json())
    write_json(layout.manifest, manifest.to_json())


def before(layout: WarehouseLayout, manifest: Manifest) -> Iterator[Manifest]:
    """Read the generations that were in force before, the latest first.

    Raises:
        ManifestError: If one is missing or damaged.
    """
    while manifest.previous_generation is not None:
        manifest = read_manifest(_kept_at(layout, manifest.previous_generation))
        yield manifest


def _kept_at(layout: WarehouseLayout, generation: int) -> Path:
    return layout.generations / f"{generation}.json"
