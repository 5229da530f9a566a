"""Long records of one patient: notes in the order of time, a timeline of events, summaries that cite their lines."""
