"""One thin program a DVC stage: ``python -m stages.NAME KEY``. Needs neither DVC nor Prefect."""
