"""The record: who asked what of which model and what was decided, in a chain that shows what was changed afterwards."""
