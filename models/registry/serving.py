"""What MLflow loads for a registered predictor (models from code): a thin wrapper that reads the predictor's files and
passes raw design words on. It needs mlflow, numpy, pandas, ruamel.yaml and xgboost, nothing else of the stack."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel, PythonModelContext

from foretell.answering.predictor import Predictor
from foretell.errors import DataError


class ServedPredictor(PythonModel):
    """Answers with Predictor.predict's columns; a query that is wrong is the caller's error (HTTP 400)."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the predictor's folder from the model's artifacts."""
        self.predictor = Predictor.load(Path(context.artifacts["predictor"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """One row of answers per row of design facts; empty cells and absent columns are unknown."""
        if isinstance(model_input, dict):  # {"inputs": {"total_params": [7e9], ...}}
            model_input = pd.DataFrame(model_input)
        if not isinstance(model_input, pd.DataFrame):
            raise MlflowException.invalid_parameter_value("send named columns: dataframe_records or dataframe_split")
        try:
            return self.predictor.predict(model_input)
        except DataError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None


mlflow.models.set_model(ServedPredictor())
