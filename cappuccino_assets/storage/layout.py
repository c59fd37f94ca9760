"""Where everything lies under warehouse/."""

from dataclasses import dataclass, field
from pathlib import Path

from cappuccino_assets.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseLayout:
    """The paths of one warehouse; nothing else spells them.

    Attributes:
        root: The warehouse's folder.
        studies_url: Database of the studies, where several machines search; None for the one in
            the folder.
        artifacts_url: Place that several machines share their results through; None for one.
    """

    root: Path
    studies_url: str | None = field(default=None, repr=False)  # they may hold passwords
    artifacts_url: str | None = field(default=None, repr=False)

    @property
    def bars(self) -> Path:
        """One Parquet file of validated bars per interval."""
        return self.root / "bars"

    @property
    def features(self) -> Path:
        """Feature arrays, a folder per interval and column set."""
        return self.root / "features"

    @property
    def studies(self) -> Path:
        """Optuna's SQLite database, where there is no `studies_url`."""
        return self.root / "studies.db"

    @property
    def search_lock(self) -> Path:
        """Held by the process whose search is under way."""
        return self.root / ".search.lock"

    @property
    def pull_lock(self) -> Path:
        """The kernel lock of whoever fetches a folder from the shared place."""
        return self.root / ".pull.lock"

    @property
    def trials(self) -> Path:
        """Results of trials, a folder per study and number."""
        return self.root / "trials"

    def trial(self, study_name: str, number: int) -> Path:
        """Folder of one trial; a number alone identifies nothing.

        Raises:
            ValueError: If the name would lead out of the folder of trials.
        """
        return _of_trial(self.trials, study_name, number)

    def checkpoints(self, study_name: str, number: int) -> Path:
        """Folder of the checkpoints of an unfinished trial.

        Raises:
            ValueError: If the name would lead out of the folder of checkpoints.
        """
        return _of_trial(self.root / "checkpoints", study_name, number)

    @property
    def retrains(self) -> Path:
        """Trials that were trained anew with other seeds; laid out like a warehouse."""
        return self.root / "retrains"

    @property
    def worker_logs(self) -> Path:
        """What worker processes say, a file each."""
        return self.root / "logs" / "workers"

    def study_lock(self, study_name: str) -> Path:
        """The kernel lock of the one process that runs a study."""
        return self.trial(study_name, 0).parent / ".lock"

    @property
    def ledger(self) -> Path:
        """The trial ledger, one line per thing that was tried; nothing but its end ever changes."""
        return self.root / "ledger" / "trial_ledger.jsonl"

    @property
    def ledger_lock(self) -> Path:
        """The kernel lock of whoever appends to the ledger."""
        return self.ledger.parent / ".lock"

    def torn_line(self, sha256: str) -> Path:
        """What a crash left of a line that was being appended to the ledger."""
        return self.ledger.parent / "torn" / sha256

    @property
    def archive(self) -> Path:
        """Archive entries, a folder per VIN, and trial_registry.json."""
        return self.root / "archive"

    @property
    def trial_registry(self) -> Path:
        """List of the archive's entries, exported from the warehouse."""
        return self.archive / "trial_registry.json"

    @property
    def archive_lock(self) -> Path:
        """The kernel lock of whoever archives."""
        return self.archive / ".lock"

    @property
    def holdouts(self) -> Path:
        """What finalists showed on a hold-out, a folder per VIN and range of bars."""
        return self.root / "holdouts"

    @property
    def holdouts_lock(self) -> Path:
        """The kernel lock of whoever opens a hold-out."""
        return self.holdouts / ".lock"

    @property
    def ensemble(self) -> Path:
        """The manifest, its generations and member files."""
        return self.root / "ensemble"

    @property
    def manifest(self) -> Path:
        """The manifest that a trader follows."""
        return self.ensemble / "ensemble_manifest.json"

    @property
    def generations(self) -> Path:
        """Every manifest that was ever published, by generation."""
        return self.ensemble / "generations"

    def comparison(self, candidate: str, incumbent: str) -> Path:
        """What two ensembles came to on the same bars; each is named by its set of members."""
        return self.ensemble / "comparisons" / candidate / f"{incumbent}.json"

    @property
    def publisher_lock(self) -> Path:
        """The kernel lock of whoever publishes a manifest."""
        return self.ensemble / ".lock"

    @property
    def reports(self) -> Path:
        """Pictures and pages for people."""
        return self.root / "reports"

    @property
    def hyperparameter_analysis(self) -> Path:
        """What the best trials of each study of the active campaign have in common."""
        return self.reports / "hyperparameter_analysis.json"

    @property
    def training_report(self) -> Path:
        """What came of the active campaign, as a page; the same as JSON lies beside it."""
        return self.reports / "two_phase_training_report.html"

    @property
    def placebo(self) -> Path:
        """Outcomes of searches where nothing can be found, a folder per arm."""
        return self.root / "placebo"

    @property
    def placebo_report(self) -> Path:
        """How often the gate let something through of them."""
        return self.reports / "placebo.json"

    @property
    def overfitting_report(self) -> Path:
        """What the active campaign's search as a whole shows."""
        return self.reports / "overfitting_report.json"

    @property
    def database(self) -> Path:
        """The published DuckDB file; readers open it read-only."""
        return self.root / "cappuccino.duckdb"

    @property
    def writer_database(self) -> Path:
        """The DuckDB file that one writer at a time holds."""
        return self.root / ".writer" / "cappuccino.duckdb"

    @property
    def writer_lock(self) -> Path:
        """The kernel lock of that writer; it is released when its holder dies."""
        return self.root / ".writer" / "lock"

    @property
    def phase1_winner(self) -> Path:
        """Outcome of phase 1."""
        return self.root / "phase1_winner.json"

    @property
    def phase2_comparison(self) -> Path:
        """Outcome of phase 2."""
        return self.root / "phase2_comparison.json"


def configured_layout(settings: Settings) -> WarehouseLayout:
    """Lay a warehouse out as the settings say."""
    url = settings.studies_url
    return WarehouseLayout(
        root=settings.warehouse,
        studies_url=None if url is None else url.get_secret_value(),
        artifacts_url=settings.artifacts_url,
    )


def _of_trial(folder: Path, study_name: str, number: int) -> Path:
    parts = study_name.split("/")
    if number < 0 or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"No folder can have the name of trial {number} of {study_name!r}.")
    return folder / study_name / f"{number:05d}"
