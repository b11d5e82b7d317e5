"""Stage `audit`: hold every recorded score against what its model's design and other scores lead one to expect.

Reads the raw tables of designs, scores, doubts and witnesses; writes reports/audit/: audit.csv (every score with its
expected range), objections.csv (those outside that no second measurement confirms, with
the likeliest cause, and whether the score is doubted already).
"""

from models.audit.auditing import CONFIRMED, audit_recorded
from models.audit.expectation import Expectations
from pipelines.auditing import read_recorded
from pipelines.files import write_csv
from pipelines.paths import AUDIT
from pipelines.stage import run_stage


def main() -> None:
    """Audit all recorded scores."""
    recorded = read_recorded()
    expectations = Expectations.fit(recorded.known, recorded.targets, list(recorded.targets))
    table = audit_recorded(recorded.every, recorded.known, expectations, recorded.targets, recorded.witnesses)
    believed = recorded.known.scores.stack().dropna()
    table["doubted"] = [pair not in believed.index for pair in zip(table["model_id"], table["target"], strict=True)]
    table = table.round(6)
    write_csv(AUDIT / "audit.csv", table, sort_by=["model_id", "target"])
    confirmed = (table["score"] - table["witness"]).abs() <= CONFIRMED
    objections = table[(table["cause"] != "") & ~confirmed]
    write_csv(AUDIT / "objections.csv", objections, sort_by=["model_id", "target"])
    n_doubted = int(objections["doubted"].sum())
    print(f"{len(table)} scores audited, {len(objections)} objected to, {n_doubted} of them doubted already")


if __name__ == "__main__":
    run_stage(main)
