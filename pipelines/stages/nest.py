"""Stage `nest`: one benchmark's error when the feature selection itself is repeated inside every outer training fold.

The paper selects features on the models it then scores. With `select.nested: true` this stage selects again in each
fold, which gives the error a new model would meet; it states its cost before it starts. With false it writes null.
Writes data/nested/<benchmark>.json: per predictor the MAE of each seed.
"""

from pipelines.files import write_json
from pipelines.params import load_params
from pipelines.paths import NESTED
from pipelines.stage import argument, run_stage


def main() -> None:
    """Write one benchmark's nested-selection errors, or null."""
    benchmark, params = argument(), load_params()
    errors = None
    if params.select.nested:
        from pipelines.nesting import nested_errors  # the engine is not loaded to write null

        errors = nested_errors(benchmark, params)
    write_json(NESTED / f"{benchmark}.json", errors)


if __name__ == "__main__":
    run_stage(main)
