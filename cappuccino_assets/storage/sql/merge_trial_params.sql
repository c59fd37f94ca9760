SELECT error('Parameter ' || parameter || ' of trial ' || number || ' comes twice.')
FROM incoming
GROUP BY study_name, number, parameter
HAVING count(*) > 1;

MERGE INTO trial_params USING incoming USING (study_name, number, parameter)
WHEN MATCHED THEN UPDATE BY NAME
WHEN NOT MATCHED THEN INSERT BY NAME;
