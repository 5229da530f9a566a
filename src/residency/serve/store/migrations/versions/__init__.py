"""Each step has a number; a database keeps the number that it has come to."""
