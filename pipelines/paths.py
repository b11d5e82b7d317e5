"""Where each stage's files are. One line per product, so that a path is spelled once."""

from pathlib import Path

VALIDATION = Path("reports/validation.json")
VALIDATION_PROBLEMS = Path("reports/validation_problems.csv")
DATA_DOCS = Path("reports/data_docs")
RAW = Path("data/raw")
TABLES = Path("data/tables")
DESIGN_TABLE = TABLES / "design.parquet"
SCORE_TABLE = TABLES / "scores.parquet"
LEFT_OUT = TABLES / "left_out.csv"
ENCODING = TABLES / "encoding.json"
SELECTED = Path("data/selected")
ERRORS = Path("data/errors")
NESTED = Path("data/nested")
BACKTESTS = Path("data/backtests")
EXPLAINED = Path("data/explained")
PREDICTORS = Path("data/predictors")
REPORTS = Path("reports")
RECORDS = Path("data/records")
REGENERATED_SCORES = Path("data/scores")
SCORE_ITEMS = Path("data/score_items")
UNFINISHED = Path(".progress/language_models")
GENERATIONS = Path("data/generations")
TAGS = Path("data/tags")
TAG_WORK = Path(".progress/tags")
LINEAGE = Path("data/lineage")
RUN_FIGURES = REPORTS / "runs"
GENERATION_REPORT = REPORTS / "generations"
LAWS = REPORTS / "laws"
TRAJECTORIES = REPORTS / "trajectories"
MIXTURES = REPORTS / "mixtures"
CONTROLLED = REPORTS / "controlled"
AUDIT = REPORTS / "audit"
BACKTEST_SUMMARY = REPORTS / "backtest.csv"
BACKTEST_REPORT = REPORTS / "backtest"
FORECASTS = Path("data/forecasts")
SETTLED = FORECASTS / "settled"
FORECAST_REPORT = REPORTS / "forecasts"
SEQUENCE = Path("data/sequence")
LAB_CORPUS = Path("data/lab/corpus")
LAB_ARCHIVES = Path(".progress/lab/archives")


def target_scores(benchmark: str) -> Path:
    """The slice of the score table that one benchmark's stages read."""
    return TABLES / "benchmarks" / f"{benchmark}.parquet"


def target_file(benchmark: str) -> Path:
    """What the benchmark is: its title, metric, direction and bounds."""
    return TABLES / "benchmarks" / f"{benchmark}.json"


LAB = Path("data/lab")
LAB_CORPUS = LAB / "corpus"
LAB_SHARDS = LAB / "shards"
LAB_RUNS_MADE = LAB / "runs"
LAB_MEASURED = LAB / "measured"
LAB_DYNAMICS = LAB / "dynamics"
LAB_TOKENS = LAB / "tokens"
LAB_COLLECTED = LAB / "collected"
LAB_WORK = Path(".progress/lab")
LAB_REPORT = REPORTS / "lab"
