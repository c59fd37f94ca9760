"""Campaigns whose ensembles trade as it was written down, and the bars of their hold-out."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import torch

from cappuccino_assets.live.publish import publish_manifest
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS, Interval
from cappuccino_assets.storage.files import read_json, sha256_of_file, write_json
from cappuccino_assets.storage.ledger_rows import LedgerKind
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.weights import write_weights
from cappuccino_assets.tuning.campaign import Campaign
from tests.envs.markets import arrays_of
from tests.registry.trials import WIDTH, ingest, leave_trial, model_contract, trial_config
from tests.storage.ledgers import trial_row

N_BARS, HOLDOUT_ROW = 380, 260
N_MINI_TRIALS = 20


def hours(n):
    return datetime.fromtimestamp(3600 * n, UTC)


def bars(*, drift=(0.004, 0.002, -0.002, -0.004), n_bars=N_BARS, observed=None):
    """A market of seven symbols of which the first four have a drift."""
    random = np.random.default_rng(7)
    drifts = np.array([*drift, 0.0, 0.0, 0.0])
    steps = drifts + 0.01 * random.standard_normal((n_bars, 7))
    close = 100 * np.exp(steps.cumsum(axis=0))
    opened = np.vstack([close[:1], close[:-1]])
    arrays = arrays_of(
        close, open_price=opened, observed=observed, interval=Interval.H1, enhanced=True
    )
    return replace(arrays, dataset_digest="d1")


def find_bars(holdout_row=HOLDOUT_ROW, **market):
    return lambda: (bars(**market), hours(holdout_row))


def begin(warehouse, name, *, holdout_row=HOLDOUT_ROW):
    """Make a campaign the active one."""
    campaign = Campaign(
        name=name,
        profile="mini",
        seed=0,
        source="drawn",
        symbols=DEFAULT_SYMBOLS,
        dataset_digests=((Interval.H1, "d1"),),
        history_from=hours(0),
        holdout_from=hours(holdout_row),
        started_at=hours(10_000),
    )
    warehouse.activate_campaign(campaign.to_json())


def finish_search(warehouse, name, n_trials=N_MINI_TRIALS):
    """Record as many trials as the campaign is to have."""
    study = f"{name}/phase1_7d_1h"
    TrialLedger(warehouse).append([trial_row(i, study_name=study) for i in range(n_trials)])


def holder_weights(contract, symbols):
    """Weights of an agent that always buys some symbols, whatever it sees."""
    sizes = [contract.observation_size, WIDTH, WIDTH, 7]
    tensors = {f"{i}.weight": torch.zeros(sizes[i], sizes[i + 1]) for i in range(3)}
    tensors |= {f"{i}.bias": torch.zeros(sizes[i + 1]) for i in range(3)}
    tensors["2.bias"][list(symbols)] = 3.0
    return tensors


def leave_holders(warehouse, name, holdings, *, config=None, first=0):
    """Leave a trial for each list of symbols that is bought and held, the best first."""
    config = config or trial_config()
    contract, records = model_contract(config), []
    for i, symbols in enumerate(holdings):
        number = first + i
        score = 0.9 - 0.1 * i
        records.append(leave_trial(warehouse.layout, number, score, campaign=name, config=config))
        folder = warehouse.layout.trial(records[-1]["study_name"], number)
        weights = holder_weights(contract, symbols)
        write_weights(folder / "actor.safetensors", weights, contract_hash=contract.hash)
        stated = {"model_sha256": sha256_of_file(folder / "actor.safetensors")}
        write_json(folder / "trial.json", read_json(folder / "trial.json") | stated)
    ingest(warehouse, records)


def searched(warehouse, name, holdings, **options):
    """A campaign that is searched to its end, and whose best trials hold some symbols."""
    begin(warehouse, name)
    leave_holders(warehouse, name, holdings, **options)
    finish_search(warehouse, name)


def publish(warehouse, name, **options):
    options = {"find_bars": find_bars()} | options
    return publish_manifest(warehouse.layout, warehouse, name, **options)


def openings(warehouse):
    lines = TrialLedger(warehouse).copied_lines()
    return [line.row for line in lines if line.row.kind is LedgerKind.HOLDOUT_OPENING]
