"""What MLflow executes for a registered predictor (models from code): a wrapper that loads the copy of foretell's
answering code that was stored with the predictor, and passes raw design words on to it.

The copy is imported under a private name made from its content (`_foretell_<hash>`), so that neither `sys.path` nor any
public module name changes: a program keeps its own packages called `foretell`, `models` or `features`, and two
predictors stored with different code answer in one process, each with its own. The file imports nothing of this
repository, because MLflow stores it and executes it elsewhere.
"""

import hashlib
import importlib
import importlib.util
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModel, PythonModelContext

LOCK = threading.Lock()


def private_package(folder: Path) -> str:
    """Import the package in `folder` under a private name, once per content; returns that name."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    name = f"_foretell_{digest.hexdigest()[:16]}"
    with LOCK:
        if name not in sys.modules:
            start = folder / "__init__.py"
            spec = importlib.util.spec_from_file_location(name, start, submodule_search_locations=[str(folder)])
            if spec is None or spec.loader is None:
                raise ImportError(f"{start}: the code stored with the predictor cannot be imported")
            package = importlib.util.module_from_spec(spec)
            sys.modules[name] = package
            spec.loader.exec_module(package)
    return name


class ServedPredictor(PythonModel):
    """Answers with the columns of Predictor.predict; a wrong query is the caller's error (HTTP 400)."""

    predictor: Any
    errors: ModuleType

    def load_context(self, context: PythonModelContext) -> None:
        """Load the predictor's own code, and its files with it."""
        name = private_package(Path(context.artifacts["code"]))
        self.errors = importlib.import_module(f"{name}.errors")
        answering = importlib.import_module(f"{name}.answering.predictor")
        self.predictor = answering.Predictor.load(Path(context.artifacts["predictor"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """One row of answers per row of design facts; empty cells and absent columns are unknown."""
        if isinstance(model_input, dict):  # {"inputs": {"total_params": [7e9], ...}}
            model_input = pd.DataFrame(model_input)
        if not isinstance(model_input, pd.DataFrame):
            raise MlflowException.invalid_parameter_value("send named columns: dataframe_records or dataframe_split")
        try:
            answers: pd.DataFrame = self.predictor.predict(model_input)
        except self.errors.DataError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        return answers


mlflow.models.set_model(ServedPredictor())
