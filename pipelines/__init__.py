"""One thin script per stage, and the command line. Nothing imports this package."""
