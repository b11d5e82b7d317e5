"""All that a registered predictor needs to answer. Relative imports only: a copy of it ships with every model."""
