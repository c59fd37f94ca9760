-- Lines are only ever added.
INSERT INTO ledger_lines BY NAME FROM incoming;
