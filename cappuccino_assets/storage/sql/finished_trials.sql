-- The trials of all campaigns, as they are in the ledger too.
SELECT
    study_name, number, state, campaign, phase, algorithm, timeframe, interval, dataset_digest,
    seed, score, sharpe_bot, sharpe_hodl, no_trades, n_bars_evaluated, n_steps, model_sha256,
    contract_hash, code_version
FROM trials
ORDER BY study_name, number;
