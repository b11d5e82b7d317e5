"""The numbers on docs/doubts.md are those of the tables."""

import re
from pathlib import Path

import pandas as pd
from known_targets import TARGETS

from features.schema import DOUBTS
from features.tabulate import aggregate

Raw = dict[str, pd.DataFrame]


def _recorded(raw: Raw) -> pd.DataFrame:
    """Every recorded score as its target averages it, doubts not applied: model_id, target, score."""
    none = pd.DataFrame(columns=DOUBTS.names)
    return pd.concat(
        aggregate(raw["scores"], target, none).scores.assign(target=slug) for slug, target in TARGETS.items()
    )[["model_id", "target", "score"]]


def _witnessed(raw: Raw, recorded: pd.DataFrame) -> pd.DataFrame:
    """Recorded scores beside second measurements of the whole benchmark."""
    pairs = []
    for slug, target in TARGETS.items():
        own = raw["witnesses"]
        own = own[(own["benchmark"] == target.benchmark) & (own["n_shot"] == target.n_shot)]
        own = own[own["metric"] == target.metric]
        single = target.needed if len(target.needed) == 1 else ()
        own = own[own["subtask"].isin(["mean", *single])]
        pairs.append(recorded[recorded["target"] == slug].merge(own, on="model_id", suffixes=("", "_witness")))
    return pd.concat(pairs)


def test_the_page_counts_what_the_tables_hold(raw: Raw, repository: Path) -> None:
    page = (repository / "docs" / "doubts.md").read_text()
    recorded = _recorded(raw)
    assert f"{len(recorded):,} scores of {raw['models'].shape[0]} models" in page
    witnessed = _witnessed(raw, recorded)
    same = witnessed[witnessed["same_setting"].astype(bool)]
    far = same[(same["score"] - same["score_witness"]).abs() > 0.05]
    assert f"| {len(same)} | {len(far)} differ by more than 0.05" in page
    humaneval = witnessed[witnessed["target"] == "humaneval_0shot"]
    far = humaneval[(humaneval["score"] - humaneval["score_witness"]).abs() > 0.05]
    assert f"| {len(humaneval)} | {len(far)} differ by more than 0.05" in page


def test_the_page_decides_every_doubt_once(raw: Raw, repository: Path) -> None:
    page = (repository / "docs" / "doubts.md").read_text()
    table = page[page.index("| kind | scores | models |") : page.index("Forty are left out")]
    assert sum(int(number) for number in re.findall(r"\| (\d+) \|", table)) == len(raw["doubts"])
    decisions = raw["doubts"]["decision"].value_counts()
    assert (decisions["leave_out"], decisions["use_witness"]) == (40, 4)


def test_a_second_measurement_that_is_far_off_is_a_doubt(raw: Raw) -> None:
    recorded = _recorded(raw)
    witnessed = _witnessed(raw, recorded)
    same = witnessed[witnessed["same_setting"].astype(bool)]
    far = same[(same["score"] - same["score_witness"]).abs() > 0.05]
    # gsm8k_5shot averages two variants where both were run: the plain one is the leaderboard's
    far = far[far["target"] != "gsm8k_5shot"]
    doubted = set(zip(raw["doubts"]["model_id"], raw["doubts"]["target"], strict=True))
    assert set(zip(far["model_id"], far["target"], strict=True)) <= doubted
