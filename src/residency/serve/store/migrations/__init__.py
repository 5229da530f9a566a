"""The steps by which the service's tables came to be what ``store/tables.py`` says, one file each, run by Alembic."""
