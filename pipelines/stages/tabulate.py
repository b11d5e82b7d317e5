"""Stage `tabulate`: turn the raw tables into the design table and the score table of one view.

Reads data/raw/*.csv and what the stages score and tag made again (it takes precedence, with its lineage); writes
data/tables/: design.parquet, scores.parquet, per benchmark its slice of the scores and what it is (so that a changed
score re-runs its benchmark only), encoding.json and left_out.csv (every model not used, with the reason).
"""

from pathlib import Path

from features.encoding import encoding_of
from features.raw import read_raw
from features.regenerated import (
    merge_generation_features,
    merge_scores,
    read_regenerated_features,
    read_regenerated_scores,
)
from features.tabulate import INPUTS, tabulate
from features.targets import known_target, read_targets
from pipelines.files import write_csv, write_json, write_parquet
from pipelines.params import load_params
from pipelines.paths import (
    DESIGN_TABLE,
    ENCODING,
    LEFT_OUT,
    LINEAGE,
    REGENERATED_SCORES,
    SCORE_TABLE,
    TAGS,
    target_file,
    target_scores,
)
from pipelines.stage import run_stage


def main() -> None:
    """Write the tables of the view that params.yaml names."""
    params = load_params()
    cfg = params.tabulate
    raw = {table.name: read_raw(table) for table in INPUTS}
    made_scores = read_regenerated_scores(REGENERATED_SCORES, LINEAGE, params.record.regenerate)
    made_features = read_regenerated_features(TAGS, LINEAGE, params.record.regenerate)
    raw["scores"] = merge_scores(raw["scores"], made_scores).table
    raw["generations"] = merge_generation_features(raw["generations"], made_features).table
    known = read_targets(Path())
    targets = [known_target(slug, known) for slug in params.benchmarks]
    tables = tabulate(raw, cfg.view, targets, cfg.min_models)
    write_parquet(DESIGN_TABLE, tables.design)
    write_parquet(SCORE_TABLE, tables.scores)
    write_json(ENCODING, encoding_of(tables.design, cfg.view).to_dict())
    write_csv(LEFT_OUT, tables.left_out)
    for target in targets:
        scores = tables.scores
        write_parquet(target_scores(target.slug), scores.loc[scores["benchmark"] == target.slug, ["model_id", "score"]])
        write_json(target_file(target.slug), target.to_dict())
    out = tables.left_out["reason"].where(tables.left_out["benchmark"] == "").dropna()
    print(f"{cfg.view}: {len(tables.design)} models, {len(tables.scores)} scores; left out everywhere: {len(out)}")


if __name__ == "__main__":
    run_stage(main)
