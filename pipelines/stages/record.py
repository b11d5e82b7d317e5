"""Stage `record`: write down which language models are regenerated, from exactly which weights.

Reads the section `record` of params.yaml; writes data/records/<slug>.json, one small file per model, which is all that
the expensive stages depend on: a changed entry makes its own model stale and no other. Touches no weights, no network.
"""

from lms.record import make_records, record_text
from pipelines.files import write_text
from pipelines.params import load_params
from pipelines.paths import RECORDS
from pipelines.stage import run_stage


def main() -> None:
    """Write one record per model of `record.regenerate`; remove the others'."""
    records = make_records(load_params().record)
    RECORDS.mkdir(parents=True, exist_ok=True)
    for path in RECORDS.glob("*.json"):
        path.unlink()
    for record in records:
        write_text(RECORDS / f"{record.slug}.json", record_text(record))
    print(f"to regenerate: {', '.join(record.slug for record in records) or 'none, all figures are recorded ones'}")


if __name__ == "__main__":
    run_stage(main)
