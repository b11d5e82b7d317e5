"""Stage `sample`: one language model's unprompted generations. Needs the gpu extra and, for anything but a tiny model,
a GPU.

Reads data/records/<slug>.json; writes data/generations/<slug>/ (shards of JSON lines, then manifest.json) and
data/lineage/<slug>.sample.json (when, where and with what).
"""

from lms.record import read_record
from lms.sample import SampleFiles, sample_model
from pipelines.params import load_params
from pipelines.paths import GENERATIONS, LINEAGE, RECORDS, UNFINISHED
from pipelines.stage import argument, run_stage


def main() -> None:
    """Sample one model; shards that an interrupted run finished are used."""
    params = load_params()
    slug = argument(tuple(params.record.regenerate))
    files = SampleFiles(generations=GENERATIONS / slug, lineage=LINEAGE / f"{slug}.sample.json")
    sample_model(read_record(RECORDS / f"{slug}.json"), params.sample, UNFINISHED, files)


if __name__ == "__main__":
    run_stage(main)
