"""Floor 3: smaller models, and proof that they are still the same model."""
