"""Floor 1: what is measured, apart from any model: scores, intervals, calibration, trivial rules, and cost."""
