"""Which documents train, how much of each source, and in what order."""
