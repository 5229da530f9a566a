"""Floor 4: what goes out with a model: its card."""
