"""For `foretell status`: which language models stand on recorded figures, which were regenerated, which are stale.
Reads records, settings and lineage files only; nothing of a model is loaded."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from features.regenerated import model_states, read_lineage
from lms.record import make_records
from lms.sample import sample_fingerprint
from lms.score import score_fingerprint
from lms.settings import RecordSettings, SampleSettings, ScoreSettings
from lms.tag_settings import TagSettings, tag_fingerprint


def language_model_states(
    model_ids: list[str],
    record: RecordSettings,
    score: ScoreSettings,
    sample: SampleSettings,
    tag: TagSettings,
    lineage: Path,
) -> pd.DataFrame:
    """model_id, job ("score", "sample", "tag"), state ("recorded", "regenerated", "stale"), one row per model and job.

    `lineage` is the folder of the lineage files, `<slug>.<job>.json`.
    """
    expected: dict[tuple[str, str], str] = {}
    for model in make_records(record):
        expected[model.model_id, "score"] = score_fingerprint(model, score)
        expected[model.model_id, "sample"] = sample_fingerprint(model, sample)
        expected[model.model_id, "tag"] = tag_fingerprint(sample_fingerprint(model, sample), tag)
    paths = (path for job in ("score", "sample", "tag") for path in sorted(lineage.glob(f"*.{job}.json")))
    finished = [read_lineage(path) for path in paths]
    made = {(str(job["model_id"]), str(job["job"])): str(job["fingerprint"]) for job in finished}
    return model_states(model_ids, expected, made)
