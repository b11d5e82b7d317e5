"""Forecasts on record: what was forecast of a model before its scores were known, what came, and whether the intervals
hold over time. Pure: plain values, tables and texts in and out; `pipelines/forecasts.py` reads and writes the files."""
