"""Stage `track`: make the MLflow store hold what the files say, one run per benchmark and predictor, one per study, one
registered version per benchmark. It may be repeated, also after a crash or on another server: what the store holds
already is not made again.

Reads the results of the earlier stages and dvc.lock; writes reports/tracked.json (what the store must hold). The store
is MLFLOW_TRACKING_URI or mlflow.db in the repository.
"""

from pipelines.files import write_json
from pipelines.paths import REPORTS
from pipelines.stage import run_stage
from pipelines.tracking import track


def main() -> None:
    """Track every run, register every predictor and write what should be there."""
    specs, numbers = track()
    hashes = {spec.name: spec.stage_hash for spec in specs}
    write_json(REPORTS / "tracked.json", {"runs": hashes, "registered": list(numbers)})


if __name__ == "__main__":
    run_stage(main)
