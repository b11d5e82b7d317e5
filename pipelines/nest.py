"""Stage `nest`: one benchmark's error when the feature selection itself is repeated inside every outer training fold.

The paper selects features on the models it then scores. With `select.nested: true` this stage selects again in each
fold, which gives the error a new model would meet; it states its cost before it starts. With false it writes null.
Writes data/nested/<benchmark>.json: per predictor the MAE of each seed.
"""

from features.catalog import SCALE, feature_names
from features.schema import BENCHMARKS
from models.selection import Rule, nested_selection
from pipelines._params import load_params
from pipelines._paths import NESTED
from pipelines._progress import Recorder, inputs_key
from pipelines._stage import argument, run_stage, write_json
from pipelines._tables import protocol_of, read_task, spread_of
from pipelines.select_features import GROUPS


def main() -> None:
    """Write one benchmark's nested-selection errors, or null."""
    benchmark = argument(BENCHMARKS)
    params = load_params()
    cfg, out = params.select, None
    if cfg.nested:
        task, out = read_task(benchmark), {}
        rule = Rule(protocol_of(params), cfg.seeds, cfg.threshold)
        for predictor, groups in GROUPS.items():
            candidates = [name for name in feature_names(task.encoding.view, groups) if name not in SCALE]
            key = inputs_key(task.columns((*SCALE, *candidates)), task.scores, rule, cfg.nested_seeds)
            record = Recorder(f"nest-{benchmark}-{predictor}", key)
            folds = nested_selection(task, SCALE, candidates, rule, spread_of(params), cfg.nested_seeds, record)
            out[predictor] = folds
            record.clear()
    write_json(NESTED / f"{benchmark}.json", out)


if __name__ == "__main__":
    run_stage(main)
