"""What a stored predictor answers when it is loaded as a stranger would load it: in a process that knows nothing of
this repository, with pickles refused, on probes that reach every feature's limits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from foretell.answering.predictor import Predictor

SCRIPT = Path(__file__).with_name("probe.py")


@dataclass(frozen=True)
class ServedAnswers:
    """The answers to the probes, one row per probe, or the problem that prevented them ("" = none)."""

    problem: str = ""
    answers: pd.DataFrame = field(default_factory=pd.DataFrame)


def probes(predictor: Predictor) -> pd.DataFrame:
    """The probe set: the card's examples, nothing known, every word, every feature at its least and largest value."""
    examples = [dict(example) for example in predictor.card.examples]
    rows: list[dict[str, Any]] = [*examples, dict.fromkeys(predictor.features)]
    for name in predictor.features:
        feature = predictor.card.encoding.feature(name)
        known = [word for word in predictor.card.encoding.words.get(name, ()) if word != "missing"]
        values = known if feature.kind == "word" else [feature.low, feature.high]
        rows += [{**rows[len(examples)], name: value} for value in values]
    return pd.DataFrame(rows, columns=list(predictor.features)).astype(object)


def served_answers(store_uri: str, folders: Mapping[str, Path]) -> dict[str, ServedAnswers]:
    """Model URI -> what the model stored there answers to its probes; `folders` maps each URI to a local copy of the
    predictor's files, from which the probes are made. One process loads all of them, one after the other."""
    if not folders:
        return {}
    queries = {}
    for uri, folder in folders.items():
        table = probes(Predictor.load(folder))
        queries[uri] = table.where(table.notna(), None).to_dict("records")
    with tempfile.TemporaryDirectory() as temporary:
        query_file, answer_file = Path(temporary) / "queries.json", Path(temporary) / "answers.json"
        query_file.write_text(json.dumps(queries), encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment |= {"MLFLOW_TRACKING_URI": store_uri, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
        command = [sys.executable, "-P", str(SCRIPT), str(query_file), str(answer_file)]
        done = subprocess.run(command, cwd=temporary, env=environment, capture_output=True, text=True, check=False)
        if done.returncode or not answer_file.is_file():
            last = (done.stderr.strip().splitlines() or ["no output"])[-1]
            return dict.fromkeys(folders, ServedAnswers(f"the loading process failed: {last[:300]}"))
        answers = json.loads(answer_file.read_text(encoding="utf-8"))
    return {uri: ServedAnswers(a.get("problem", ""), pd.DataFrame(a.get("answers", []))) for uri, a in answers.items()}
