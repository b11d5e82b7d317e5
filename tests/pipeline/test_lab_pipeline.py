"""The laboratory's stages one after the other, on small text and small models: every table is written, reads by its
schema, and has what the study needs."""

from __future__ import annotations

import importlib.util
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from clone import ROOT, checked
from ruamel.yaml import YAML

from features.controlled import read_controlled
from features.raw import read_raw
from features.schema import LAB_CURVES, LAB_ITEMS, LAB_LOSSES, LAB_METRICS, LAB_OPTIONS, LAB_RUNS, LAB_TEXTS
from foretell.controlled.study import study_controlled
from foretell.experiments.figures import lab_figures
from foretell.experiments.share_claims import CLAIM_COLUMNS
from foretell.experiments.shares import NATURAL_LANGUAGE
from foretell.experiments.study import LabTables, examine
from lms.dynamics.units import EXPERIMENTS
from pipelines.params import read_params

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs the extra gpu (make test-lms)"),
]
RUNS = ("code-0", "code-40", "code-100", "width-32", "width-64")
TABLES = (LAB_RUNS, LAB_CURVES, LAB_METRICS, LAB_OPTIONS, LAB_LOSSES, LAB_ITEMS, LAB_TEXTS)


def small_lab(path: Path) -> None:
    """Few short runs of tiny models."""
    yaml = YAML()
    params = yaml.load(path.read_text())
    lab = params["lab"]
    lab["runs"] = {name: cell for name, cell in lab["runs"].items() if name in RUNS}
    for name, model in lab["models"].items():
        layers = 1 if name == "width-32" else 2
        model |= {"hidden": 32, "layers": layers, "heads": 2, "key_value_heads": 2, "feed_forward": 64}
    for schedule in lab["schedules"].values():
        schedule |= {"seeds": 2, "steps": 28, "measure_at": [0, 14, 28], "checkpoint_at": [14, 28]}
        schedule["optimiser"] |= {"warm_up_steps": 2, "horizon_steps": 28}
    lab["schedules"]["sizes"]["checkpoint_at"] = list(range(2, 29, 2))
    lab["training"]["held_out_sequences"] = 8
    lab["data"] |= {"held_out_share": 0.3, "tokenizer": {"vocabulary": 512, "characters": 100_000}}
    lab["measure"]["passages"] |= {"items_per_source": 6, "prompt_tokens": 24, "option_tokens": 12}
    lab["probe"] |= {"held_out_tokens": 600, "n_texts": 6}
    dynamics = lab["dynamics"]
    dynamics["seeds"] = [1, 2]
    for name in EXPERIMENTS:
        dynamics[name]["training"] |= {"steps": 40, "measure_from": 2, "measurements": 6, "warm_up_steps": 2}
    for name in ("format", "curriculum", "steps"):
        dynamics[name]["n_test"] = 20
    dynamics["quanta"]["n_skills"] = 12
    dynamics["quanta"]["training"] |= {"steps": 600, "measure_from": 10, "measurements": 12}  # the skills are learned
    params["trace"]["n_bootstrap"] = 100
    params["examine"]["best_share"]["n_bootstrap"] = 100
    yaml.dump(params, path)


def paragraphs(files: Iterator[Path]) -> list[str]:
    """Texts of 300 characters or more."""
    texts = [part for file in files for part in file.read_text(encoding="utf-8").split("\n\n\n")]
    return [text[:2000] for text in texts if len(text) >= 300][:120]


def write_corpus(folder: Path) -> None:
    """Text of this repository in place of what the stage `gather` fetches."""
    pages = paragraphs(itertools.chain((ROOT / "docs").glob("*.md"), [ROOT / "CHANGELOG.md", ROOT / "README.md"]))
    pages += [text for page in (ROOT / "docs").glob("*.md") for text in page.read_text("utf-8").split("\n## ")]
    words = sorted({word for page in pages for word in page.split() if word.isalpha() and len(word) > 3})
    triples = zip(words, words[7:], words[31:], strict=False)
    entries = [f"{word.lower()} (noun): {first} {second} of {word[::-1]}" for word, first, second in triples]
    sources = {
        "code": paragraphs(ROOT.glob("foretell/**/*.py")),
        "books": pages[::2],
        "manuals": pages[1::2],
        "dictionary": ["\n".join(entries[start : start + 12]) for start in range(0, len(entries), 12)],
    }
    for source, texts in sources.items():
        (folder / source).mkdir(parents=True)
        lines = [json.dumps({"name": f"{source}-{number}", "text": text}) for number, text in enumerate(texts)]
        (folder / source / "text.jsonl").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which all stages but `gather` and `examine` have run."""
    clone = tmp_path_factory.mktemp("lab") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    small_lab(clone / "params.yaml")
    write_corpus(clone / "data" / "lab" / "corpus")
    stages = [("tokenise",), *(("pretrain", run) for run in RUNS), *(("measure", run) for run in RUNS)]
    for stage, *argument in [*stages, *(("learn", name) for name in EXPERIMENTS), ("probe",), ("collect",)]:
        checked(clone, sys.executable, "-m", f"pipelines.stages.{stage}", *argument)
    return clone


@pytest.fixture(scope="module")
def tables(lab: Path) -> LabTables:
    folder = Path("data/lab/collected")
    return LabTables(*(read_raw(replace(table, path=folder / table.path.name), lab) for table in TABLES))


def test_every_run_is_in_the_tables(tables: LabTables) -> None:
    counts = tables.runs.groupby("experiment")["seed"].agg(["count", "nunique"])
    assert counts.loc["code_share"].tolist() == [6, 2] and counts.loc["sizes"].tolist() == [4, 2]
    assert set(EXPERIMENTS) <= set(counts.index)
    keys = ["experiment", "setting", "seed"]
    for table in (tables.curves, tables.metrics):
        assert set(map(tuple, table[keys].to_numpy())) == set(map(tuple, tables.runs[keys].to_numpy()))


def test_a_second_run_makes_the_same_bytes(lab: Path) -> None:
    before = (lab / "data/lab/runs/code-40/seed-0/curve.csv").read_bytes()
    work = sorted((lab / ".progress/lab").glob("pretrain@code-40-seed-0@*"))
    assert len(work) == 1
    subprocess.run(["rm", "-r", str(work[0])], check=True)
    checked(lab, sys.executable, "-m", "pipelines.stages.pretrain", "code-40")
    assert (lab / "data/lab/runs/code-40/seed-0/curve.csv").read_bytes() == before


def test_a_word_that_looks_like_a_missing_value_is_kept(lab: Path) -> None:
    made, kept = lab / "data/lab/tokens/items.csv", (lab / "data/lab/tokens/items.csv").read_bytes()
    items = pd.read_csv(made, dtype=str, keep_default_na=False)
    items.assign(word=["None", *items["word"][1:]]).to_csv(made, index=False, lineterminator="\n")
    checked(lab, sys.executable, "-m", "pipelines.stages.collect")
    collected = pd.read_csv(lab / "data/lab/collected/lab_items.csv", dtype=str, keep_default_na=False)
    made.write_bytes(kept)
    assert collected.loc[collected["item"] == items["item"][0], "word"].tolist() == ["None"]


def test_the_study_takes_what_was_collected(lab: Path, tables: LabTables, raw_root: Path) -> None:
    together = study_controlled(read_controlled(raw_root))["together"]
    rows = [
        ("published", row["benchmark"], NATURAL_LANGUAGE, row["asked_from"], row["asked_to"], row["measured"])
        for row in together[together["share"] == "pct_code"].to_dict("records")
    ]
    params = read_params(lab / "params.yaml")
    study = examine(tables, pd.DataFrame(rows, columns=list(CLAIM_COLUMNS)), params.examine, params.trace)
    assert len({finding.name for finding in study.findings}) == len(study.findings) >= 12
    assert all(finding.reason for finding in study.findings)
    assert {"share_effects", "best_share", "learning", "choice_split", "token_overlap"} <= set(study.tables)
    assert set(lab_figures(tables.metrics, study.tables)) >= {"code_share", "grokking", "token_shares"}
