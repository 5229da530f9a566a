"""Prompts as versioned files with a hash, the solved examples before a question, and the search for a better prompt."""
