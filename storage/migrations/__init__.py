"""The database's shape, step by step. Alembic finds `env.py` and `versions/` here, wherever this is installed."""
