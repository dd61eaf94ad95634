"""Several models in one table."""
