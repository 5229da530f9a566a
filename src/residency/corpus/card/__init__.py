"""The data card: what a corpus is made of, and what may be done with it."""
