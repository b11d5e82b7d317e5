"""The catalogue of predictors holds together, and the schemes that they are evaluated on split as they say."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.catalogue import DESIGN_GROUPS, SCALE, feature_names
from models.baselines import baselines, power_law
from models.catalogue import (
    ALL_FEATURES,
    ALL_FEATURES_LIGHTGBM,
    CATALOGUE,
    EVALUATED,
    EVERY_DESIGN,
    FORECAST,
    LAW_PLUS_TREES,
    MEDIAN,
    MEMBERS,
    PREDICTORS,
    SCALE_ONLY,
    SELECTED,
    SELECTED_DESIGN,
    Source,
    features_of,
)
from models.learners import LEARNERS
from models.protocol import Protocol
from models.schemes import Scheme
from models.splits import family_splits, random_splits
from models.task import Task

SELECTIONS = {"selected_design": (*SCALE, "pct_code"), "all_features": (*SCALE, "biases")}
NAMES = {*CATALOGUE, *(scheme.value for scheme in Scheme)}


def test_names_and_titles_are_unique() -> None:
    assert len(CATALOGUE) == len(PREDICTORS) == len({entry.title for entry in PREDICTORS})


def test_every_baseline_and_learner_exists(small_task: Task) -> None:
    assert set(baselines(small_task, power_law(small_task))) == {e for e in PREDICTORS if e.is_baseline}
    assert {entry.learner for entry in PREDICTORS if entry.learner} <= set(LEARNERS)


def test_entries_refer_to_earlier_entries_of_the_right_kind() -> None:
    for position, entry in enumerate(PREDICTORS):
        for other in (entry.offset, entry.reference, entry.cross_check_of):
            assert other is None or other in PREDICTORS[:position]
        assert entry.offset is None or entry.offset.is_baseline
        assert bool(entry.selection) == (entry.source is Source.SELECTION)
        assert entry.selection in {"", *(chosen.selection for chosen in SELECTED)}
        assert not (entry.explained and (entry.is_baseline or entry.offset or entry.cross_check_of))
        assert not entry.registrable or entry.explained  # what is registered is explained beside its run


def test_what_may_be_registered_is_known_before_training() -> None:
    assert [entry for entry in PREDICTORS if entry.registrable] == [SCALE_ONLY, EVERY_DESIGN, SELECTED_DESIGN, FORECAST]


def test_the_forecast_blends_all_members_and_nothing_else_is_a_forecaster() -> None:
    assert [entry for entry in PREDICTORS if entry.blended] == [FORECAST]
    assert set(MEMBERS) | {FORECAST} == {entry for entry in PREDICTORS if entry not in EVALUATED}
    assert not any(entry.registrable or entry.shown or entry.is_baseline for entry in MEMBERS)
    assert {entry.source for entry in (*MEMBERS, FORECAST)} == {Source.EVERY_DESIGN}


def test_features_of_every_predictor() -> None:
    features = {entry: features_of(entry, "verified", SELECTIONS) for entry in PREDICTORS}
    assert features[MEDIAN] == ()
    assert features[SCALE_ONLY] == SCALE
    assert features[EVERY_DESIGN] == feature_names("verified", DESIGN_GROUPS)
    assert features[SELECTED_DESIGN] == features[LAW_PLUS_TREES] == SELECTIONS["selected_design"]
    assert features[ALL_FEATURES] == features[ALL_FEATURES_LIGHTGBM] == SELECTIONS["all_features"]


def test_schemes_split_as_they_say(small_task: Task) -> None:
    protocol = Protocol()
    [at_random] = Scheme.RANDOM.splits(small_task, 1, protocol)
    assert at_random is random_splits(len(small_task.scores), 0, protocol)
    by_family = Scheme.FAMILY.splits(small_task, 2, protocol)
    assert [split.seed for split in by_family] == [0, 1]
    for split, seed in zip(by_family, (0, 1), strict=True):
        for fold, other in zip(split.outer, family_splits(small_task.families, seed, protocol).outer, strict=True):
            np.testing.assert_array_equal(fold.test, other.test)


def test_a_scheme_is_its_value_in_files() -> None:
    table = pd.DataFrame({"scheme": ["random", "family"]})
    assert (table["scheme"] == Scheme.FAMILY).tolist() == [False, True]
    assert json.dumps({Scheme.RANDOM: 1}) == '{"random": 1}'
    assert {"random": 1}[Scheme.RANDOM] == 1


@pytest.mark.parametrize("room", ["models", "pipelines"])
def test_no_name_of_a_predictor_or_scheme_is_a_loose_string(repository: Path, room: str) -> None:
    """Names stand in the catalogue and the enumeration, and nowhere else in code."""
    allowed = {"models/catalogue.py", "models/schemes.py", "models/task.py"}  # the last: the column `family`
    loose = []
    for path in sorted((repository / room).rglob("*.py")):
        name = path.relative_to(repository).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if name not in allowed and isinstance(node, ast.Constant) and node.value in NAMES:
                loose.append(f"{name}:{node.lineno}: {node.value}")
    assert loose == []


def test_importing_the_catalogue_is_cheap() -> None:
    code = "import sys, models.catalogue; print({name.split('.')[0] for name in sys.modules} & {'numpy', 'pandas'})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
