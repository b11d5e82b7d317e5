"""Decoder models trained from scratch on described data, so that one thing differs between runs and nothing else."""
