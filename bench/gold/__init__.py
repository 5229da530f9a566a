"""Documents whose every identifier is known, to measure a de-identification engine by."""
