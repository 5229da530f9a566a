"""Floor 1: from sources to training examples, one record at a time and without torch."""
