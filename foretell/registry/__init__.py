"""Which registered version answers, and where its files are, found without importing MLflow (which takes seconds)."""
