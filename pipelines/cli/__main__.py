"""`python -m pipelines.cli`, the `foretell` command without its script."""

from pipelines.cli.main import run

run()
