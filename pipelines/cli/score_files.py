"""What `foretell add-scores` does: read a results file, refuse what cannot be compared, choose what makes a target
whole, show it, validate it with the tables' own rules, append it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from features.contribution import score_rows
from features.raw import read_text
from features.schema import MODELS, SCORES
from features.score_selection import Key, complete, target_keys
from features.targets import read_targets
from foretell.errors import DataError
from lms.results import ScoreRow
from lms.results_file import ResultsFile, read_results_file
from pipelines.cli.contributions import NEXT, append_rows


@dataclass(frozen=True)
class ScoreOptions:
    """The options of `add-scores`. `accept_doubtful` is the reason why scores that the check doubts are added."""

    model_id: str = ""
    same_model: bool = False
    source: str = ""
    date: str = ""
    finished_revision: str = ""
    only_new: bool = False
    accept_doubtful: str = ""
    dry_run: bool = False


def add_scores(path: Path, options: ScoreOptions) -> None:
    """Append the scores of a results file; DataError says why it, or some of it, cannot be added."""
    root = Path()
    targets = read_targets(root)
    file = read_results_file(path, targets, options.model_id, options.finished_revision)
    if file.objections:
        raise DataError(f"{path}: not added: {'; '.join(file.objections)}")
    model_id = file.rows[0].model_id
    check_model(path, file.stated_model, options)
    recorded = recorded_keys(model_id)
    usable = {_key(row): row for row in file.rows if row.score == row.score}
    double = sorted(set(usable) & recorded)
    if double and not options.only_new:
        shown = "; ".join(f"{key[1]} {key[2]}-shot {key[3]}" for key in double[:3])
        more = f" and {len(double) - 3} more" if len(double) > 3 else ""
        raise DataError(f"{SCORES.path}: {model_id} there already: {shown}{more}; --only-new adds the others")
    kept, incomplete = complete(set(usable) - recorded, recorded, targets)
    _show(file, kept, double, incomplete)
    if not kept:
        raise DataError(f"{path}: nothing to add: no target is complete with its new scores (see the lines above)")
    doubtful = check_scores(model_id, [usable[key] for key in sorted(kept)])
    if doubtful and not options.accept_doubtful:
        raise DataError(f"{path}: doubtful: {'; '.join(doubtful)}; to add them all the same: --accept-doubtful REASON")
    source = options.source or f"lm-evaluation-harness {file.harness_version or '(version not stated)'}, {path.name}"
    if doubtful:
        source += f"; doubtful and accepted: {options.accept_doubtful}"
    lineage = {"source": source, "date": options.date or file.date}
    lineage |= {"precision": file.precision, "model_revision": file.revision}
    rows = score_rows(model_id, [{**vars(usable[key]), **lineage} for key in sorted(kept)])
    append_rows({SCORES: rows}, model_id, options.dry_run)
    for name, value in lineage.items():
        print(f"  {name:14} {value or 'unknown'}")
    print(f"{'would add' if options.dry_run else 'added'} {len(rows)} scores of {model_id}")
    if not options.dry_run:
        print(NEXT.format(paths=SCORES.path))


def check_scores(model_id: str, rows: list[ScoreRow]) -> list[str]:
    """The auditor's objections to the targets that the new scores, with the recorded ones, make up; one line each."""
    from pipelines.auditing import read_recorded
    from pipelines.cli.audit import audit_results, target_scores

    recorded = read_recorded()
    columns = ["benchmark", "subtask", "n_shot", "metric", "score"]
    before = read_text(SCORES)
    before = before.loc[before["model_id"] == model_id, columns].astype({"n_shot": int, "score": float})
    together = pd.concat([before, pd.DataFrame([vars(row) for row in rows])[columns]], ignore_index=True)
    new = {_key(row) for row in rows}
    scores = {
        slug: score
        for slug, score in target_scores(together, recorded.targets).items()
        if new & target_keys(recorded.targets[slug])
    }
    if not scores:
        return []
    return [
        f"{finding.slug} is {finding.score:.3f}, expected {finding.low:.3f} to {finding.high:.3f} ({finding.cause})"
        for finding in audit_results(model_id, scores, recorded)
        if finding.objected
    ]


def check_model(path: Path, stated: str, options: ScoreOptions) -> None:
    """Raise DataError unless the scores are those of a recorded model, and --id is what the file itself says."""
    known = [str(name) for name in read_text(MODELS)["model_id"]]
    model_id = options.model_id or stated
    if options.model_id and stated and options.model_id != stated and not options.same_model:
        raise DataError(
            f"{path}: the file says {stated}, --id says {options.model_id}; if they are one model, give --same-model"
        )
    if model_id in known:
        return
    spelled = {name.lower(): name for name in known}.get(model_id.lower())
    if spelled:
        raise DataError(f"{path}: {model_id} is recorded as {spelled}: give --id {spelled} --same-model")
    if not options.model_id and (model_id.count("/") != 1 or model_id.startswith((".", "/", "~"))):
        raise DataError(f"{path}: {model_id} is a path or a short name: give --id org/name --same-model")
    raise DataError(f"{path}: {model_id} is not in {MODELS.path}; add it first: foretell add-model")


def recorded_keys(model_id: str) -> set[Key]:
    """(benchmark, subtask, n_shot, metric) of the scores that a model has."""
    scores: pd.DataFrame = read_text(SCORES)
    of_model = scores[(scores["model_id"] == model_id) & scores["score"].notna()]
    names = ["benchmark", "subtask", "n_shot", "metric"]
    return {(str(b), str(s), int(n), str(m)) for b, s, n, m in of_model[names].itertuples(index=False)}


def _key(row: ScoreRow) -> Key:
    return (row.benchmark, row.subtask, row.n_shot, row.metric)


def _show(file: ResultsFile, kept: set[Key], double: list[Key], incomplete: list[str]) -> None:
    for row in file.rows:
        if _key(row) in kept:
            print(f"  {row.benchmark:14} {row.subtask:28} {row.n_shot:2}-shot {row.metric:12} {row.score:.4f}")
        elif row.reason:
            print(f"  left out: {row.subtask} ({row.n_shot}-shot {row.metric}): {row.reason}")
    for key in double:
        print(f"  left out: {key[1]} ({key[2]}-shot {key[3]}): there already")
    for line in (*incomplete, *file.left_out):
        print(f"  left out: {line}")
