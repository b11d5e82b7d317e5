"""Stage `track`: make the MLflow store hold what the files say, one run per benchmark and predictor, one per study, one
registered version per benchmark. It may be repeated, also after a crash or on another server: what is there is found.

Reads the results of the earlier stages and dvc.lock; writes reports/tracked.json (what the store must hold). The store
is MLFLOW_TRACKING_URI or mlflow.db in the repository.
"""

import pandas as pd

from models.catalogue import CATALOGUE
from models.registry import Found, Store
from models.registry.runs import Folders, RunSpec, VersionSpec, run_spec
from models.report.cards import EXPERIMENT_CARD, model_card
from models.results import seed_errors
from models.schemes import Scheme
from pipelines.files import read_json, read_yaml, write_json
from pipelines.lineage import read_lineage
from pipelines.params import Params, load_params
from pipelines.paths import ERRORS, EXPLAINED, PREDICTORS, REPORTS
from pipelines.progress import Progress
from pipelines.stage import run_stage
from pipelines.studies import study_specs
from pipelines.tables import read_features


def main() -> None:
    """Track every run, register every predictor and write what should be there."""
    specs, versions = describe(load_params())
    make_store_match(specs, versions)
    hashes = {spec.name: spec.stage_hash for spec in specs}
    write_json(REPORTS / "tracked.json", {"runs": hashes, "registered": [v.model_name for v in versions]})


def describe(params: Params) -> tuple[list[RunSpec], list[VersionSpec]]:
    """What the store must hold, read from the files."""
    lineage = read_lineage(params)
    table = pd.read_csv(REPORTS / "errors.csv")
    specs, versions = [], []
    for benchmark in params.benchmarks:
        folders = Folders(ERRORS / benchmark, EXPLAINED / benchmark, REPORTS / "runs" / benchmark)
        errors = pd.read_csv(folders.errors / "errors.csv")
        card = read_yaml(PREDICTORS / benchmark / "predictor.yaml")
        coverage = read_json(PREDICTORS / benchmark / "coverage.json")
        features = read_features(benchmark, params.tabulate.view)
        for row in table[table["benchmark"] == benchmark].to_dict("records"):
            line = {str(key): value for key, value in row.items()}
            predictor = CATALOGUE[str(row["predictor"])]
            per_seed = dict(enumerate(seed_errors(errors, predictor.name).tolist()))
            registered = predictor.name == card["predictor"]
            extra = {}
            if registered:
                extra = {f"{s.metric_prefix}coverage": float(coverage[s]["coverage"]) for s in Scheme}
                extra["predictable"] = float(card["predictable"])
            spec = run_spec(benchmark, predictor, line, per_seed, features[predictor], extra, folders, lineage)
            specs.append(spec)
            if registered:
                figures = {**spec.metrics, "mae": float(row["mae"])}
                words = model_card(card, figures, coverage, lineage.data_version)
                versions.append(VersionSpec(f"foretell-{benchmark}", spec, PREDICTORS / benchmark, words))
    return specs + study_specs(lineage), versions


def make_store_match(specs: list[RunSpec], versions: list[VersionSpec]) -> dict[str, Found]:
    """Track `specs` and register `versions`; model name -> its version."""
    store = Store(create=True)
    store.describe(EXPERIMENT_CARD)
    progress = Progress(f"track ({store.uri})", total=len(specs) + len(versions))
    for spec in specs:
        progress.advance(f"{spec.name}: {store.track(spec).outcome}")
    registered = {}
    for version in versions:
        registered[version.model_name] = store.register(version)
        found = registered[version.model_name]
        progress.advance(f"{version.model_name} version {found.id}: {found.outcome}")
    return registered


if __name__ == "__main__":
    run_stage(main)
