"""The report of a grid: reads what the stages left, compares and draws. No DVC, no Prefect."""
