"""Scaling laws as typed, tested objects: loss from parameters, tokens, compute and steps; how to spend a budget; how
much of a benchmark is just scale. Pure functions over arrays (numpy, scipy); `docs/laws.md` shows them at work."""
