-- One row per search of two phases; exactly one is active.
CREATE TABLE IF NOT EXISTS campaigns (
    campaign      VARCHAR PRIMARY KEY,
    profile       VARCHAR NOT NULL,
    seed          BIGINT NOT NULL,
    source        VARCHAR NOT NULL,
    started_at    TIMESTAMPTZ NOT NULL,
    completed_at  TIMESTAMPTZ,
    definition    VARCHAR NOT NULL,  -- canonical JSON of the whole campaign
    active        BOOLEAN NOT NULL
);

-- One row per finished trial: complete, pruned or failed.
CREATE TABLE IF NOT EXISTS trials (
    study_name          VARCHAR NOT NULL,
    number              INTEGER NOT NULL CHECK (number >= 0),
    state               VARCHAR NOT NULL CHECK (state IN ('COMPLETE', 'PRUNED', 'FAIL')),
    campaign            VARCHAR NOT NULL,
    phase               INTEGER NOT NULL CHECK (phase IN (1, 2)),
    algorithm           VARCHAR NOT NULL,
    timeframe           VARCHAR NOT NULL,
    interval            VARCHAR NOT NULL,
    dataset_digest      VARCHAR NOT NULL,
    seed                BIGINT,
    score               DOUBLE CHECK (isfinite(score)),
    sharpe_bot          DOUBLE CHECK (isfinite(sharpe_bot)),
    sharpe_hodl         DOUBLE CHECK (isfinite(sharpe_hodl)),
    sharpe_hodl_cycled  DOUBLE CHECK (isfinite(sharpe_hodl_cycled)),
    no_trades           BOOLEAN,     -- in at least one split
    flags               VARCHAR[],
    n_bars_evaluated    BIGINT,
    n_steps             BIGINT,
    started_at          TIMESTAMPTZ,
    completed_at        TIMESTAMPTZ,
    duration_s          DOUBLE,
    training_s          DOUBLE,
    evaluation_s        DOUBLE,
    model_sha256        VARCHAR,     -- of the final fit; phase 1 has none
    contract_hash       VARCHAR,
    code_version        VARCHAR,
    PRIMARY KEY (study_name, number),
    CHECK (state <> 'COMPLETE' OR (
        score IS NOT NULL AND sharpe_bot IS NOT NULL AND sharpe_hodl IS NOT NULL
        AND no_trades IS NOT NULL
    ))
);

-- One row per parameter of a trial; values, never indices. The key has no index, which would be
-- three quarters of the file: the merge keeps it.
CREATE TABLE IF NOT EXISTS trial_params (
    study_name    VARCHAR NOT NULL,
    number        INTEGER NOT NULL,
    parameter     VARCHAR NOT NULL,
    value         VARCHAR NOT NULL,  -- JSON
    value_number  DOUBLE             -- the same, where it is a number
);

-- One row per CPCV split of a complete trial.
CREATE TABLE IF NOT EXISTS trial_splits (
    study_name    VARCHAR NOT NULL,
    number        INTEGER NOT NULL,
    split         INTEGER NOT NULL,
    test_groups   INTEGER[] NOT NULL,
    sharpe_bot    DOUBLE NOT NULL CHECK (isfinite(sharpe_bot)),
    sharpe_hodl   DOUBLE NOT NULL CHECK (isfinite(sharpe_hodl)),
    total_return  DOUBLE NOT NULL CHECK (isfinite(total_return)),
    max_drawdown  DOUBLE NOT NULL CHECK (isfinite(max_drawdown)),
    n_bars        BIGINT NOT NULL,
    n_trades      BIGINT NOT NULL,
    fees_usd      DOUBLE NOT NULL,
    turnover      DOUBLE NOT NULL,
    no_trades     BOOLEAN NOT NULL,
    PRIMARY KEY (study_name, number, split)
);

-- One row per folder of the archive.
CREATE TABLE IF NOT EXISTS archive_entries (
    vin              VARCHAR PRIMARY KEY,
    campaign         VARCHAR NOT NULL,
    study_name       VARCHAR NOT NULL,
    number           INTEGER NOT NULL,
    algorithm        VARCHAR NOT NULL,
    timeframe        VARCHAR NOT NULL,
    interval         VARCHAR NOT NULL,
    score            DOUBLE NOT NULL CHECK (isfinite(score)),
    sharpe_bot       DOUBLE NOT NULL,
    sharpe_hodl      DOUBLE NOT NULL,
    grade            VARCHAR NOT NULL,
    below_threshold  BOOLEAN NOT NULL,
    admitted_as      VARCHAR NOT NULL CHECK (admitted_as IN ('rule', 'kept_for_show')),
    gated            BOOLEAN NOT NULL,
    gate_reason      VARCHAR NOT NULL,
    dataset_digest   VARCHAR NOT NULL,
    model_sha256     VARCHAR NOT NULL,
    contract_hash    VARCHAR NOT NULL,
    completed_at     TIMESTAMPTZ NOT NULL,
    archived_at      TIMESTAMPTZ NOT NULL
);

-- One row per point of the gate and archive entry.
CREATE TABLE IF NOT EXISTS gate_reasons (
    vin      VARCHAR NOT NULL,
    place    INTEGER NOT NULL CHECK (place > 0),  -- in the gate's order
    name     VARCHAR NOT NULL,
    passed   BOOLEAN NOT NULL,
    value    DOUBLE,      -- null where nothing was found
    "limit"  DOUBLE,
    text     VARCHAR NOT NULL,
    PRIMARY KEY (vin, name)
);

-- One row per line of the trial ledger: a copy of the file, which is the truth.
CREATE TABLE IF NOT EXISTS ledger_lines (
    line     BIGINT PRIMARY KEY CHECK (line > 0),
    hash     VARCHAR NOT NULL,
    content  VARCHAR NOT NULL   -- canonical JSON
);

-- The same, by column. Results are null where a trial has none.
CREATE VIEW IF NOT EXISTS trial_ledger AS
SELECT
    line,
    hash,
    content ->> '$.kind' AS kind,
    content ->> '$.campaign' AS campaign,
    content ->> '$.study_name' AS study_name,
    CAST(content ->> '$.number' AS INTEGER) AS number,
    content ->> '$.key' AS key,
    content ->> '$.outcome.state' AS state,
    CAST(content ->> '$.outcome.score' AS DOUBLE) AS score,
    CAST(content ->> '$.outcome.sharpe_bot' AS DOUBLE) AS sharpe_bot,
    CAST(content ->> '$.outcome.sharpe_hodl' AS DOUBLE) AS sharpe_hodl,
    CAST(content ->> '$.outcome.sharpe_excess' AS DOUBLE) AS sharpe_excess,
    CAST(content ->> '$.recorded_at' AS TIMESTAMPTZ) AS recorded_at,
    content -> '$.outcome' AS outcome
FROM ledger_lines;
