"""Alembic's migrations: `env.py` runs the revisions in `versions/` on a given connection."""
