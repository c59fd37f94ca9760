"""The protocol that every source of bars keeps."""

from typing import Protocol

from cappuccino_assets.market.bars import Bars


class BarSource(Protocol):
    """A place that bars come from."""

    @property
    def name(self) -> str:
        """What tells this market from another: revisions are found within one name only."""

    def fetch_bars(self) -> Bars:
        """Fetch all closed bars at the finest interval that the source gives.

        Raises:
            BarError: If a bar breaks a rule.
            SourceError: If the source cannot answer in full.
        """
