"""Stage `validate`: hold every raw table against its expectations; bad data stop the pipeline here.

Reads data/raw/*.csv; writes reports/validation.json (rows, rules and problems per table) and the HTML Data Docs.
On a problem it prints up to twenty of them, writes all of them to reports/validation_problems.csv and exits 3.
"""

import pandas as pd

from expectations.run import validate
from foretell.errors import DataError
from pipelines.files import write_csv, write_json
from pipelines.paths import DATA_DOCS, VALIDATION, VALIDATION_PROBLEMS
from pipelines.stage import run_stage

SHOWN = 20


def main() -> None:
    """Check the raw tables and write what was found."""
    report = validate(docs=DATA_DOCS)
    if report.problems:
        write_csv(VALIDATION_PROBLEMS, pd.DataFrame([vars(problem) for problem in report.problems]))
        lines = [str(problem) for problem in report.problems[:SHOWN]]
        more = len(report.problems) - len(lines)
        tail = [f"... and {more} more"] * (more > 0)
        count = f"{len(report.problems)} problems in the raw tables (all of them: {VALIDATION_PROBLEMS})"
        raise DataError("\n  ".join([count, *lines, *tail]))
    VALIDATION_PROBLEMS.unlink(missing_ok=True)
    write_json(VALIDATION, report.summary)


if __name__ == "__main__":
    run_stage(main)
