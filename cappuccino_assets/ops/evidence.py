"""Write down what the trials of a campaign show."""

from cappuccino_assets.registry.evidence import CampaignEvidence, campaign_evidence
from cappuccino_assets.reports.analysis import hyperparameter_analysis
from cappuccino_assets.storage.files import write_json
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json


def write_analysis(warehouse: Warehouse, campaign: str) -> Json:
    """Write hyperparameter_analysis.json, and return it."""
    analysis = hyperparameter_analysis(warehouse, campaign)
    write_json(warehouse.layout.hyperparameter_analysis, analysis)
    return analysis


def write_evidence(warehouse: Warehouse, campaign: str) -> CampaignEvidence:
    """Write overfitting_report.json, and return what is in it."""
    found = campaign_evidence(warehouse, campaign)
    write_json(warehouse.layout.overfitting_report, found.to_json())
    return found
