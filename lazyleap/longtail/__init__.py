"""Long-tailed classification: example weights learned on a small balanced meta set."""
