"""MLflow, in one room: pure descriptions of runs and versions made from the files that DVC owns (`workspace`,
`dvc_lock`, `lineage`, `runs`), a store that is made to match them (`connection`, `tracked`, `store`), and champions:
who is, the gates a candidate must pass, promotion and rollback (`champions`, `evidence`, `promotion`).

Import the modules: the descriptions need no MLflow. The two settings below must stand before MLflow is imported for the
first time (its logging and its telemetry start with the import); all others are made where a store is opened.
"""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
