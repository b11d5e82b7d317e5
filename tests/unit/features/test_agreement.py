"""Agreement of two labelings against scikit-learn and by hand."""

import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from features.agreement import agreement, agreement_markdown, cohens_kappa, paired_labels, read_labels
from foretell.errors import DataError

LABELS = ["web", "code", "books", "reference"]


@pytest.mark.parametrize("seed", range(5))
def test_kappa_equals_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.choice(LABELS, 258, p=[0.5, 0.3, 0.15, 0.05]).tolist()
    second = [x if rng.random() < 0.85 else rng.choice(LABELS) for x in first]
    assert cohens_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)
    result = agreement(first, second)
    assert result.kappa == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)
    for label in result.labels:
        expected = cohen_kappa_score([x == label.label for x in first], [y == label.label for y in second])
        assert label.kappa == pytest.approx(expected, abs=1e-12)


def test_kappa_by_hand() -> None:
    # 50 texts: both web 20, web/code 5, code/web 10, both code 15: p_o = 0.7, p_e = 0.5 * 0.6 + 0.5 * 0.4 = 0.5
    first = ["web"] * 25 + ["code"] * 25
    second = ["web"] * 20 + ["code"] * 5 + ["web"] * 10 + ["code"] * 15
    result = agreement(first, second)
    assert result.agreement == pytest.approx(0.7)
    assert result.kappa == pytest.approx(0.4)
    code, web = result.labels
    assert (web.n_first, web.n_second, web.agreement) == (25, 30, pytest.approx(20 / 35))
    assert (code.label, code.agreement) == ("code", pytest.approx(15 / 30))
    assert "Absolute agreement 70.0 %, Cohen's kappa 0.400 on 50 texts" in agreement_markdown(result)


def test_incoherent_and_unanswered_do_not_count() -> None:
    result = agreement(["web", "incoherent", "code", "web"], ["web", "web", "unanswered", "code"])
    assert (result.n_texts, result.n_left_out, result.agreement) == (2, 2, 0.5)


def test_undefined_is_nan_not_one() -> None:
    assert math.isnan(cohens_kappa(["web"] * 3, ["web"] * 3))
    assert math.isnan(cohens_kappa([], []))
    assert math.isnan(agreement(["other"], ["other"]).agreement)
    with pytest.raises(DataError, match="3 and 2 texts"):
        agreement(["web"] * 3, ["web"] * 2)


def test_labels_are_paired_by_text(tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("index,label\n1,web\n2,code\n3,books\n")
    two.write_text("label,index\nother,4\nbooks,2\nweb,1\n")
    assert paired_labels(read_labels(one), read_labels(two)) == (["web", "code"], ["web", "books"], ["3", "4"])


@pytest.mark.parametrize("text", ["index\n1\n", "index,label\n1,web\n1,web\n", "index,label\n1,poem\n"])
def test_broken_label_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(DataError, match=r"x\.csv"):
        read_labels(tmp_path / "x.csv")
