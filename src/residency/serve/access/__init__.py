"""Who is let in: users and roles, passwords, sessions, API keys, limits, and the table of who may use which route."""
