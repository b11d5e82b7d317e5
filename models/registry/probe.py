"""Run as a script, in a process of its own: loads registered models as a stranger would (their own stored code, pickles
refused) and answers the questions in a JSON file. It imports nothing of this repository.

Arguments: a JSON file {model uri: [queries]} and the JSON file to write: {model uri: {"answers": [...]}} or
{"problem": "..."}. The tracking store comes from MLFLOW_TRACKING_URI.
"""

import json
import os
import sys
from pathlib import Path

os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"

import mlflow
import pandas as pd


def answer(uri: str, queries: list[dict[str, object]]) -> dict[str, object]:
    """The model's answers to `queries`, or what kept it from answering. Each model brings its own code."""
    try:
        answers = mlflow.pyfunc.load_model(uri).predict(pd.DataFrame(queries))
    except (mlflow.MlflowException, ImportError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return {"problem": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
    return {"answers": answers.to_dict("records")}


if __name__ == "__main__":
    questions = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    answers = {uri: answer(uri, queries) for uri, queries in questions.items()}
    Path(sys.argv[2]).write_text(json.dumps(answers), encoding="utf-8")
