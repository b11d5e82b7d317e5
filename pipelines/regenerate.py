"""Spread the GPU work of all listed language models over a cluster: `python -m pipelines.regenerate`.

Not a stage: it fills the folder of unfinished work (.progress/language_models, on a disk that all workers share)
through the scheduler that params.yaml names under `parallel`; `dvc repro` afterwards finds the work done and puts it
together."""

from foretell.errors import ConfigError, DataError
from lms.record import make_records
from lms.spread import gpu_client, regeneration_tasks, spread, spread_on_this_machine
from pipelines.boundary import LOG
from pipelines.params import load_params
from pipelines.paths import UNFINISHED
from pipelines.stage import run_stage


def main() -> None:
    """Score and sample every listed model, one task per model and job; name the tasks that failed."""
    params = load_params()
    tasks = regeneration_tasks(make_records(params.record), params.score, params.sample)
    if not tasks:
        raise ConfigError("record.regenerate is empty: there is nothing to regenerate.")
    if params.parallel.backend == "dask":
        with gpu_client(params.parallel.scheduler, params.parallel.workers) as client:
            outcomes = spread(tasks, UNFINISHED, client)
    else:
        outcomes = spread_on_this_machine(tasks, UNFINISHED)
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        LOG.error("%s: %s", outcome.key, outcome.error)
    print(f"{len(outcomes) - len(failed)} of {len(outcomes)} done; `dvc repro` puts them together, then `dvc push`")
    if failed:
        raise DataError(f"{len(failed)} of {len(outcomes)} tasks failed; run this again for them alone.")


if __name__ == "__main__":
    run_stage(main)
