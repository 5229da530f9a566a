"""The service's tables, their migrations, and the one door to the database."""
