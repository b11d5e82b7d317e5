"""Packing a predictor for MLflow: models from code, so that nothing in the package is a pickle, with exactly the source
files that serving imports and exactly the libraries that they need."""

from __future__ import annotations

import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.models import Model, ModelSignature, infer_signature
from mlflow.models.model import ModelInfo

from foretell.answering.predictor import Predictor
from models.registry.connection import STAGE_HASH

ROOT = Path(__file__).parents[2]
SERVING_REQUIREMENTS = ("mlflow", "numpy", "pandas", "ruamel.yaml", "xgboost-cpu")
SERVING_CODE = (
    "features/__init__.py",
    "features/catalogue.py",
    "features/encoding.py",
    "foretell/errors.py",
    "features/schema",
    "models/__init__.py",
    "foretell/answering/boosters.py",
    "foretell/answering/intervals.py",
    "foretell/answering/predictor.py",
    "foretell/answering/support.py",
)


def log_predictor(experiment_id: str, run_id: str, stage_hash: str, folder: Path) -> ModelInfo:
    """Log the predictor in `folder` as the model of run `run_id`; DataError when the folder is not a whole predictor.

    The signature holds outputs only: inputs are checked by the encoding, whose errors name the field and what is
    allowed, while MLflow would silently drop a column whose name is misspelled.
    """
    predictor = Predictor.load(folder)
    example = example_query(predictor)
    answer = infer_signature(example, predictor.predict(example))
    mlflow.set_experiment(experiment_id=experiment_id)  # else the model goes to the default one, whatever its run's is
    with tempfile.TemporaryDirectory() as temporary:
        return Model.log(
            artifact_path=None,
            flavor=mlflow.pyfunc,
            name="predictor",
            run_id=run_id,
            tags={STAGE_HASH: stage_hash},
            python_model=str(ROOT / "models" / "serving.py"),
            artifacts={"predictor": str(folder)},
            signature=ModelSignature(outputs=answer.outputs),
            input_example=example,
            pip_requirements=[f"{name}=={version(name)}" for name in SERVING_REQUIREMENTS],
            code_paths=_serving_code(Path(temporary)),
        )


def _serving_code(target: Path) -> list[str]:
    """Copies of the files that serving needs, as packages below `target`."""
    for name in SERVING_CODE:
        source, copy = ROOT / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, copy)
    return [str(package) for package in sorted(target.iterdir())]


def example_query(predictor: Any) -> pd.DataFrame:
    """Two rows of raw design words and numbers for the predictor's features: a training model's own values."""
    rows = predictor.card["examples"]
    return pd.DataFrame(rows)[list(predictor.features)]
