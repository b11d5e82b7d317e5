"""Packing a predictor for MLflow: its files as data, a copy of foretell's answering code, and a wrapper that loads the
copy under a private name. Nothing in the package is a pickle, and it names exactly the libraries that answering needs.
"""

from __future__ import annotations

import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import Model, ModelSignature, infer_signature
from mlflow.models.model import ModelInfo

from foretell.answering.predictor import Predictor
from models.registry.connection import STAGE_HASH

FORETELL = Path(__file__).parents[2] / "foretell"
SERVING = Path(__file__).with_name("serving.py")
SERVING_REQUIREMENTS = ("mlflow", "numpy", "pandas", "ruamel.yaml", "xgboost-cpu")
ANSWERING_CODE = ("errors.py", "answering")


def log_predictor(experiment_id: str, run_id: str, stage_hash: str, folder: Path) -> ModelInfo:
    """Log the predictor in `folder` as the model of run `run_id`; DataError when the folder is not a whole predictor.

    The signature holds outputs only: inputs are checked by the predictor, whose errors name the field and what is
    allowed, while MLflow would silently drop a column whose name is misspelled.
    """
    predictor = Predictor.load(folder)
    example = example_query(predictor)
    answer = infer_signature(example, predictor.predict(example))
    mlflow.set_experiment(experiment_id=experiment_id)  # else the model goes to the default one, whatever its run's is
    with tempfile.TemporaryDirectory() as temporary:
        code = Path(temporary) / "code"
        copy_answering_code(code)
        info: ModelInfo = Model.log(
            artifact_path=None,
            flavor=mlflow.pyfunc,
            name="predictor",
            run_id=run_id,
            tags={STAGE_HASH: stage_hash},
            python_model=str(SERVING),
            artifacts={"predictor": str(folder), "code": str(code)},
            signature=ModelSignature(outputs=answer.outputs),
            input_example=example,
            pip_requirements=[f"{name}=={version(name)}" for name in SERVING_REQUIREMENTS],
        )
    return info


def copy_answering_code(target: Path) -> None:
    """Write a package to `target` that holds all code a predictor needs in order to answer (relative imports only)."""
    target.mkdir(parents=True)
    about = "The answering code of foretell as it was when the predictor was stored."
    (target / "__init__.py").write_text(f'"""{about}"""\n', encoding="utf-8")
    for name in ANSWERING_CODE:
        if (FORETELL / name).is_dir():
            shutil.copytree(FORETELL / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(FORETELL / name, target / name)


def example_query(predictor: Predictor) -> pd.DataFrame:
    """Two rows of raw design words and numbers for the predictor's features: a training model's own values."""
    return pd.DataFrame([dict(example) for example in predictor.card.examples])[list(predictor.features)]
