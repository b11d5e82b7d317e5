"""A whole run, from a description and text to losses by source, and what is refused."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from foretell.errors import ConfigError, DataError
from pipelines.cli.lms import app

pytestmark = pytest.mark.usefixtures("libraries")

from lms.pretrain.held_out import bits_per_byte, loss_of_sequences  # noqa: E402
from lms.pretrain.run import open_run, pretrain, read_run, require_gpu, run_fingerprint  # noqa: E402
from lms.pretrain.shards import tokenise  # noqa: E402


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    text = tmp_path_factory.mktemp("text")
    for name in ("even", "odd"):
        lines = [json.dumps({"text": f"{name} {' '.join(str(j % 7) for j in range(i, i + 30))}"}) for i in range(60)]
        (text / name).mkdir()
        (text / name / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return {
        "data": {
            "sources": [{"name": name, "folder": str(text / name)} for name in ("even", "odd")],
            "tokenizer": {"vocabulary": 270, "characters": 2000},
            "held_out_share": 0.2,
            "documents_per_shard": 25,
        },
        "model": {
            "vocabulary": 270,
            "context": 16,
            "hidden": 16,
            "layers": 1,
            "heads": 2,
            "key_value_heads": 2,
            "feed_forward": 24,
            "tied": True,
        },
        "phases": [{"steps": 6, "weights": {"even": 1}}, {"steps": 6, "weights": {"even": 0.25, "odd": 0.75}}],
        "sequences": 4,
        "optimiser": {
            "learning_rate": 0.01,
            "final_learning_rate": 0.001,
            "warm_up_steps": 2,
            "horizon_steps": 12,
            "beta1": 0.9,
            "beta2": 0.95,
            "weight_decay": 0.1,
            "clip": 1.0,
        },
        "micro_batches": 1,
        "dtype": "float32",
        "seed": 0,
        "threads": 1,
        "compiled": False,
        "measure_at": [0, 12],
        "checkpoint_at": [12],
        "state_every": 5,
        "held_out_sequences": 8,
        "held_out_rows": 4,
    }


@pytest.fixture(scope="module")
def tokens(libraries: None, described: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokens")
    tokenise(read_run("test", described).data, folder)
    return folder


def test_a_run_measures_every_source_and_states_what_it_read(
    described: dict[str, Any], tokens: Path, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    settings = read_run("test", described)
    pretrain(settings, tokens, tmp_path)
    metrics = pd.read_csv(tmp_path / "metrics.csv")
    assert set(metrics.metric) == {
        f"{source}/{unit}" for source in ("even", "odd") for unit in ("nats_per_token", "bits_per_byte")
    }
    first, last = (metrics[metrics.step == step].set_index("metric").value for step in (0, 12))
    assert first["even/nats_per_token"] == pytest.approx(math.log(270), rel=0.05)
    assert (last < first).all()
    lineage = json.loads((tmp_path / "lineage.json").read_text())
    assert lineage["used"]["even"]["sequences_by_phase"] == [24, 6]
    assert lineage["used"]["odd"]["tokens"] == 18 * 16
    assert lineage["fingerprint"] == run_fingerprint(settings, tokens)
    assert AutoTokenizer.from_pretrained(tmp_path / "checkpoints" / "step-000012")("a").input_ids
    with pytest.raises(DataError, match="other settings, text or code"):
        pretrain(read_run("test", described | {"seed": 1}), tokens, tmp_path)


def test_the_fingerprint_changes_with_settings_and_not_with_the_folder_of_the_text(
    described: dict[str, Any], tokens: Path, tmp_path: Path
) -> None:
    settings = read_run("test", described)
    moved = copy.deepcopy(described)
    moved["data"]["sources"][0]["folder"] = "elsewhere"
    assert run_fingerprint(read_run("test", moved), tokens) == run_fingerprint(settings, tokens)
    assert run_fingerprint(read_run("test", described | {"seed": 1}), tokens) != run_fingerprint(settings, tokens)
    folder = open_run(tmp_path, "first", settings, tokens)
    assert folder.name == f"pretrain@first@{run_fingerprint(settings, tokens)}"


def test_held_out_loss_is_the_models_own(described: dict[str, Any]) -> None:
    import numpy as np
    import torch

    from lms.pretrain.loop import build_model

    model = build_model(read_run("test", described).model, 0)
    rows = np.random.default_rng(0).integers(0, 270, (5, 16))
    with torch.no_grad():
        expected = model(torch.from_numpy(rows), labels=torch.from_numpy(rows)).loss.item()
        assert loss_of_sequences(model, rows, rows_at_once=2) == pytest.approx(expected, rel=1e-6)


def test_guessing_bytes_costs_eight_bits_each() -> None:
    assert bits_per_byte(math.log(256), 1000, 1000) == pytest.approx(8)
    assert bits_per_byte(math.log(256), 500, 1000) == pytest.approx(4)


def test_a_tokenizer_larger_than_the_model_is_refused(described: dict[str, Any], tokens: Path, tmp_path: Path) -> None:
    small = described | {"model": described["model"] | {"vocabulary": 100}}
    with pytest.raises(ConfigError, match="the tokenizer has"):
        pretrain(read_run("test", small), tokens, tmp_path)


def test_a_big_model_without_a_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lms.pretrain.run.find_device", lambda: "cpu")
    with pytest.raises(ConfigError, match="no GPU"):
        require_gpu(447_622_656, anyway=False)
    require_gpu(447_622_656, anyway=True)
    require_gpu(1_000_000, anyway=False)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"sead": 1}, "sead"),
        ({"seed": -1}, "seed"),
        ({"phases": [{"steps": 5, "weights": {"even": 0.5}}]}, "add up to 0.5"),
        ({"dtype": "float16"}, "dtype"),
    ],
)
def test_a_wrong_description_is_one_line(described: dict[str, Any], changed: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as error:
        read_run("run.yaml", described | changed)
    assert "\n" not in str(error.value)


def test_a_missing_key_is_named(described: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"run.yaml: .*state_every: Field required"):
        read_run("run.yaml", {name: value for name, value in described.items() if name != "state_every"})


def test_the_command_trains_and_prints_cost_and_losses(described: dict[str, Any], tokens: Path, tmp_path: Path) -> None:
    from ruamel.yaml import YAML

    YAML().dump(described, tmp_path / "run.yaml")
    command = ["pretrain", str(tmp_path / "run.yaml"), "--out", str(tmp_path / "out"), "--tokens", str(tokens)]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0
    assert "hours of one H100" in done.stdout and "odd/bits_per_byte" in done.stdout
    assert (tmp_path / "out" / "finished.json").is_file()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["pretrain"], "YAML file or --preset"),
        (["pretrain-cost", "--preset", "study-461m", "--code-share", "20"], "there is study-460m"),
        (["pretrain-cost", "--preset", "study-460m", "--code-share", "20", "--web-share", "20"], "either --code-share"),
        (["pretrain", "--preset", "study-460m", "--code-share", "20", "--out", "x"], "--sources"),
    ],
)
def test_wrong_options_are_refused(command: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CliRunner().invoke(app, command, catch_exceptions=False)


def test_the_preset_prints_its_cost_and_weights() -> None:
    done = CliRunner().invoke(app, ["pretrain-cost", "--preset", "study-460m", "--code-share", "20"])
    assert "447,622,656 parameters" in done.stdout and "code 20.00%" in done.stdout
