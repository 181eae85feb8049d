"""What is learned and judged: episodes of few-shot learning."""
