"""Few-shot learning: episodes of N ways and K shots, and accuracy after adaptation."""
