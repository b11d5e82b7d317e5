"""Predictors, search, selection, statistics, laws and explanation: pure functions over arrays and tables."""
