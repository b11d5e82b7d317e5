"""params.yaml: every key known, typed and possible, or one line that names it."""

from pathlib import Path

import pytest
from known_targets import PAPER, TARGETS
from ruamel.yaml import YAML

from foretell.errors import ConfigError
from foretell.mixtures.settings import MixSettings
from foretell.parallel import Spread
from foretell.trajectories.settings import TraceSettings
from models.protocol import Protocol
from pipelines.params import read_params


@pytest.fixture
def edited(repository: Path, tmp_path: Path):
    """edited({"select.seeds": 0}) -> path of a params.yaml with these changes (None deletes the key)."""

    def edit(changes: dict[str, object]) -> Path:
        yaml = YAML()
        params = yaml.load(repository / "params.yaml")
        for dotted, value in changes.items():
            *sections, key = dotted.split(".")
            place = params
            for section in sections:
                place = place[section]
            if value is None:
                del place[key]
            else:
                place[key] = value
        path = tmp_path / "params.yaml"
        yaml.dump(params, path)
        return path

    return edit


def test_the_repositorys_own_file_is_valid(repository: Path) -> None:
    params = read_params(repository / "params.yaml")
    assert params.benchmarks == tuple(TARGETS)
    assert params.score.benchmarks == list(PAPER)
    assert len(params.protocol.cells) == 18
    assert params.parallel.n_workers >= 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"select.seed": 5}, r"select\.seed: Extra inputs are not permitted"),
        ({"slect": {}}, r"slect: Extra inputs are not permitted"),
        ({"select.seeds": None}, r"select\.seeds: Field required"),
        ({"fit": None}, r"fit: Field required"),
        ({"protocol.outer_folds": None}, r"protocol\.outer_folds: Field required"),
        ({"mix.kind": None}, r"mix\.kind: Field required"),
        ({"mix": None}, r"mix: Field required"),
        ({"trace.alfa": 0.1}, r"trace\.alfa: Unexpected keyword argument"),
        ({"trace.stages": [[0.1, 1.5]]}, r"trace\.stages\.0\.1: Input should be less than or equal to 1"),
        ({"select.seeds": 0}, r"select\.seeds: Input should be greater than or equal to 1"),
        ({"select.seeds": "five"}, r"select\.seeds: Input should be a valid integer"),
        ({"protocol.holdout": 1.2}, r"protocol\.holdout: Input should be less than 1"),
        ({"protocol.max_depth": []}, r"protocol\.max_depth: Tuple should have at least 1 item"),
        ({"protocol.learning_rate": [0.1, -1]}, r"protocol\.learning_rate\.1: Input should be greater than 0"),
        ({"tabulate.view": "verfied"}, r"tabulate\.view: Input should be 'verified' or 'published'"),
        ({"benchmarks": []}, r"benchmarks: .*at least 1 item"),
        ({"benchmarks": ["../x"]}, r"benchmarks\.0: String should match pattern"),
        ({"fit.level": 90}, r"fit\.level: Input should be less than 1"),
        ({"parallel.backend": "ray"}, r"parallel\.backend: Input should be 'threads', 'loky' or 'dask'"),
    ],
)
def test_a_wrong_key_is_named(edited, changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read_params(edited(changes))
    assert "\n" not in str(caught.value)


def test_two_mistakes_are_both_named(edited) -> None:
    with pytest.raises(ConfigError, match=r"select\.seeds: .*; .*fit\.level: "):
        read_params(edited({"select.seeds": 0, "fit.level": 2}))


def test_a_missing_key_is_named_beside_a_wrong_one(edited) -> None:
    with pytest.raises(ConfigError, match=r"protocol\.holdout: Field required; .*fit\.level: "):
        read_params(edited({"protocol.holdout": None, "fit.level": 2}))


def test_sections_are_the_librarys_own_settings(repository: Path) -> None:
    params = read_params(repository / "params.yaml")
    assert (params.protocol, params.parallel, params.trace, params.mix) == (
        Protocol(),
        Spread(),
        TraceSettings(),
        MixSettings(),
    )
    assert hash(params.protocol) == hash(Protocol())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Spread("ray"), r"Spread: backend: Input should be 'threads', 'loky' or 'dask'"),
        (lambda: Protocol(folds=3), r"Protocol: folds: Unexpected keyword argument"),  # type: ignore[call-arg]
        (lambda: TraceSettings(alpha=5), r"TraceSettings: alpha: Input should be less than 1"),
        (lambda: Spread("loky", 1, "", 2), r"Spread: 4 values for 3 fields \(backend, workers, scheduler\)"),  # type: ignore[call-arg]
    ],
)
def test_settings_made_in_code_name_what_is_wrong(make, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()


def test_numbers_are_read_as_dvc_reads_them(edited) -> None:
    path = edited({"select.threshold": "x"})
    path.write_text(path.read_text().replace("threshold: x", "threshold: 1e-3"))  # PyYAML would read text
    assert read_params(path).select.threshold == 1e-3


@pytest.mark.parametrize("content", ["select: [\n", "a: b: c\n"])
def test_a_file_that_is_no_yaml_gets_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"params\.yaml: not YAML: ") as caught:
        read_params(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "just words\n", "- a\n"])
def test_a_file_that_is_no_mapping_gets_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"params\.yaml: "):
        read_params(path)


def test_a_missing_file_says_where_to_stand(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run from the root of the repository"):
        read_params(tmp_path / "params.yaml")


def test_a_section_cannot_be_changed(repository: Path) -> None:
    params = read_params(repository / "params.yaml")
    with pytest.raises(ValueError, match="frozen"):
        params.select.seeds = 3  # type: ignore[misc]
