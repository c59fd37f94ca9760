-- Lines are only ever added. Those that are there were committed, and not published, by a process
-- that was killed between the two.
MERGE INTO ledger_lines USING incoming USING (line)
WHEN MATCHED AND ledger_lines.hash = incoming.hash THEN DO NOTHING
WHEN MATCHED THEN ERROR
WHEN NOT MATCHED THEN INSERT BY NAME;
