"""What documents have in common with each other and with the tests, found in batches of text by numbers."""
