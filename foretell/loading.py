"""Loading a registered predictor from a folder, from an MLflow store or from a run. MLflow is imported only when it is
needed: a predictor's folder can be used without it, and so can a registered version that is on this machine."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from foretell.answering.predictor import CARD, Predictor
from foretell.errors import ConfigError, TrackingError
from foretell.registry.cache import cached_files
from foretell.registry.lookup import aliased_versions, registered_names
from foretell.registry.version import NotReadableError, RegisteredVersion

EXPERIMENT = "foretell"
CHAMPION, CANDIDATE = "champion", "candidate"
DEFAULT_ALIASES = (CHAMPION, CANDIDATE)  # the first that there is answers
READERS = 2
NAME_PREFIX = "foretell-"  # of a registered model, before the benchmark
RUN_ID = re.compile(r"[0-9a-f]{32}")


def load_predictor(source: str | os.PathLike[str], *, store: str = "", version: str = "") -> Predictor:
    """Load a registered predictor.

    `source` is one of

    - a benchmark (`"mmlu_5shot"`): its champion in the store, or its candidate where there is no champion yet;
    - a folder that holds `predictor.yaml` (`"data/predictors/mmlu_5shot"`);
    - a run's id (32 hexadecimal digits) or name (`"mmlu_5shot/selected_design"`): the predictor it registered;
    - a URI as MLflow writes it (`"models:/foretell-mmlu_5shot@champion"`, `"models:/foretell-mmlu_5shot/3"`).

    `store` is the address of the MLflow store (default: MLFLOW_TRACKING_URI, else `mlflow.db` in this folder or the
    nearest one above it). `version` names an alias (`"candidate"`) or a number (`"3"`) of a benchmark's predictor.

    The files are read as data by this version of foretell; none of the code stored with the predictor is executed. A
    version that was downloaded stays on this machine (`FORETELL_CACHE`, else `~/.cache/foretell`); which version a
    benchmark's alias points to is looked up each time.

    Raises DataError when the files are not a whole predictor, TrackingError when the store cannot be reached or does
    not hold it, and ConfigError when MLflow is needed and not installed.
    """
    text = os.fspath(source)
    if (Path(text) / CARD).is_file():
        return Predictor.load(Path(text))
    address = store or store_address()
    if is_benchmark(text) and not version.isdigit():
        return load_registered(address, [text], version)[text]
    with _one_line(text, address):
        files, origin = _locate(_client(address), text, version)
        root = _mlflow().artifacts.download_artifacts(artifact_uri=files, tracking_uri=address)
    return Predictor.load(_whole_folder(text, Path(root), address)).from_origin(f"{origin} in {_shown(address)}")


def load_registered(address: str, benchmarks: Sequence[str] | None, alias: str = "") -> dict[str, Predictor]:
    """Benchmark -> its predictor in the store at `address`: the one that `alias` points to, else its champion, or its
    candidate; of all that have one where `benchmarks` is None. Raises as `load_predictor` does, and TrackingError
    naming a benchmark that has none."""
    aliases = (alias,) if alias else DEFAULT_ALIASES
    names = all_registered(address) if benchmarks is None else benchmarks
    versions = registered_versions(address, names, aliases)
    missing = [] if benchmarks is None else [name for name in benchmarks if name not in versions]
    if missing:
        none = f"there is no {' or '.join(aliases)} of {NAME_PREFIX}{missing[0]}"
        raise TrackingError(f"{missing[0]}: no folder with {CARD}, and {none} ({_shown(address)})")
    folders = [registered_files(address, version) for version in versions.values()]
    return {
        benchmark: predictor.from_origin(
            f"{version.name} version {version.number} ({version.alias}) in {_shown(address)}"
        )
        for (benchmark, version), predictor in zip(versions.items(), load_folders(folders), strict=True)
    }


def load_folders(folders: Sequence[Path]) -> list[Predictor]:
    """The predictor in each folder; two are read at once (XGBoost reads its files without holding Python's lock)."""
    with ThreadPoolExecutor(READERS) as readers:
        return list(readers.map(Predictor.load, folders))


def registered_versions(
    address: str, benchmarks: Sequence[str], aliases: Sequence[str] = DEFAULT_ALIASES
) -> dict[str, RegisteredVersion]:
    """Benchmark -> the version of its predictor that the first of `aliases` points to which it has, in the store at
    `address`; a benchmark without one is left out. Raises TrackingError when the store cannot be reached."""
    names = {f"{NAME_PREFIX}{benchmark}": benchmark for benchmark in benchmarks}
    try:
        found = aliased_versions(address, list(names), aliases)
    except NotReadableError:  # MLflow can read it, or says why not
        with _one_line(", ".join(benchmarks), address):
            client, found = _client(address), {}
            for name, alias in product(names, aliases):
                if name not in found:
                    with contextlib.suppress(LookupError):
                        found[name] = _version_of(client, name, alias)
    return {names[name]: version for name, version in found.items()}


def all_registered(address: str) -> list[str]:
    """The benchmarks whose predictors are registered in the store at `address`. Raises TrackingError when it cannot be
    reached."""
    try:
        names = registered_names(address, NAME_PREFIX)
    except NotReadableError:
        with _one_line("the registered predictors", address):
            models = _client(address).search_registered_models(f"name LIKE '{NAME_PREFIX}%'", max_results=1000)
            names = [str(model.name) for model in models]
    return [name.removeprefix(NAME_PREFIX) for name in names]


def registered_files(address: str, version: RegisteredVersion) -> Path:
    """The folder with the files of a registered version of the store at `address`: where the store keeps them if that
    is on this machine, else a copy that is downloaded once.

    Raises TrackingError when the store cannot be reached or its files are gone.
    """
    if version.location.startswith(("file:", "/")):
        own = predictor_folder(Path(unquote(urlsplit(version.location).path)))
        if own is not None:
            return own

    def download(folder: Path) -> Path:
        with _one_line(version.name, address):
            files = version.location or str(_files_of_version(_client(address), version.name, version.number)[0])
            root = _mlflow().artifacts.download_artifacts(
                artifact_uri=files, tracking_uri=address, dst_path=str(folder)
            )
        return _whole_folder(f"{version.name} version {version.number}", Path(root), address)

    return cached_files(_shown(address), version, download)


def store_address() -> str:
    """The MLflow store that is asked by default: MLFLOW_TRACKING_URI, or the nearest `mlflow.db` from here upwards (the
    one of this folder where there is none)."""
    given = os.environ.get("MLFLOW_TRACKING_URI")
    if given:
        return given
    here = Path.cwd()
    databases = [folder / "mlflow.db" for folder in (here, *here.parents)]
    return f"sqlite:///{next((path for path in databases if path.is_file()), databases[0])}"


def predictor_folder(root: Path) -> Path | None:
    """The folder below `root` that holds a predictor's files, or None."""
    return next((path.parent for path in sorted(root.rglob(CARD))), None)


def _whole_folder(what: str, root: Path, address: str) -> Path:
    folder = predictor_folder(root)
    if folder is None:
        raise TrackingError(f"{what}: its files in {_shown(address)} hold no {CARD}")
    return folder


def is_benchmark(source: str) -> bool:
    """Whether a source is a benchmark's name: no path, no run, no address."""
    return not (RUN_ID.fullmatch(source) or "/" in source or ":" in source)


def _locate(client: Any, source: str, version: str) -> tuple[str, str]:
    """(address of the predictor's files, what to call its origin). LookupError when there is no such predictor."""
    kind, _, rest = source.partition(":/")
    if kind == "runs":
        return _files_of_run(client, rest.strip("/").split("/")[0]), source
    if kind == "models" and "@" not in rest and "/" not in rest:
        return str(client.get_logged_model(rest).artifact_location), source
    if kind == "models":
        name, _, wanted = rest.replace("@", "/").partition("/")
        return _files_of_version(client, name, wanted)
    if is_benchmark(source):
        name = f"{NAME_PREFIX}{source}"
        try:
            return _files_of_version(client, name, version)
        except LookupError:
            raise LookupError(f"no folder with {CARD}, and there is no {version} of {name}") from None
    return _files_of_run(client, source), f"run {source}"


def _files_of_version(client: Any, name: str, wanted: str) -> tuple[str, str]:
    """(address of the files, description) of a registered model's version, given by its number or an alias."""
    version = _version_of(client, name, wanted)
    return version.location, f"{name} version {version.number}" + (f" ({version.alias})" if version.alias else "")


def _version_of(client: Any, name: str, wanted: str) -> RegisteredVersion:
    """A registered model's version, given by its number or an alias, as MLflow's client finds it."""
    try:
        by_number = wanted.isdigit()
        entry = client.get_model_version(name, wanted) if by_number else client.get_model_version_by_alias(name, wanted)
    except _mlflow().MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise LookupError(f"there is no version {wanted} of {name}") from None
        raise
    files = str(entry.source)
    if files.startswith("models:/"):
        files = str(client.get_logged_model(files.removeprefix("models:/")).artifact_location)
    return RegisteredVersion(
        name=name,
        number=str(entry.version),
        alias="" if by_number else wanted,
        run_id=str(entry.run_id or ""),
        source=str(entry.source),
        location=files,
        tags=dict(entry.tags),
    )


def _files_of_run(client: Any, run: str) -> str:
    """Address of the files of the predictor that a run logged; the run is named by its id or by its name (the newest
    of that name)."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    experiments = [experiment.experiment_id] if experiment is not None else []
    column = "run_id" if RUN_ID.fullmatch(run) else "run_name"
    quoted = "'" + run.replace("'", "''") + "'"
    runs = client.search_runs(experiments, f"attributes.{column} = {quoted}", max_results=1) if experiments else []
    if not runs:
        raise LookupError(f"no folder with {CARD}, and there is no run {run}")
    query = f"source_run_id = '{runs[0].info.run_id}'"
    models = client.search_logged_models(experiments, query, max_results=1)
    if not models:
        raise LookupError(f"run {run} registered no predictor")
    return str(models[0].artifact_location)


def _client(address: str) -> Any:
    database = address.removeprefix("sqlite:///")
    if database != address and not Path(database).is_file():
        raise LookupError("no such store; name one with `store=` or MLFLOW_TRACKING_URI")
    return _mlflow().MlflowClient(address, registry_uri=address)


@contextlib.contextmanager
def _one_line(source: str, address: str) -> Iterator[None]:
    """Turn what the store refuses, or does not hold, into one TrackingError."""
    try:
        yield
    except LookupError as error:
        raise TrackingError(f"{source}: {error.args[0]} ({_shown(address)})") from None
    except (_mlflow().MlflowException, OSError) as error:
        raise TrackingError(f"{source}: {' '.join(str(error).split())[:300]} ({_shown(address)})") from None


def _shown(address: str) -> str:
    """The store's address without a password."""
    return address.split("@")[-1]


def _mlflow() -> Any:
    """MLflow, imported here and nowhere else in the library; quick to give up on a server that does not answer."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    try:
        import mlflow
        import mlflow.artifacts
    except ModuleNotFoundError:
        raise ConfigError(
            "loading from a store or a run needs MLflow (pip install 'foretell[registry]'); a folder does not"
        ) from None
    return mlflow
