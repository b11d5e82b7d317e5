"""The auditor on the recorded scores: known failures are found, known good scores are left alone."""

from __future__ import annotations

import pytest

from models.audit.auditing import Finding
from pipelines.auditing import Recorded, read_recorded
from pipelines.cli.audit import audit_results


@pytest.fixture(scope="module")
def recorded(raw_root: object) -> Recorded:
    return read_recorded()


def findings(recorded: Recorded, model: str, *slugs: str) -> dict[str, Finding]:
    row = recorded.every.loc[[model]].iloc[0].dropna()
    results = {slug: float(row[slug]) for slug in (slugs or map(str, row.index))}
    return {finding.slug: finding for finding in audit_results(model, results, recorded)}


def test_a_model_that_failed_everywhere(recorded: Recorded) -> None:
    slugs = (
        "hellaswag_10shot",
        "lambada_0shot",
        "mmlu_5shot",
        "arc_challenge_25shot",
        "winogrande_5shot",
        "gsm8k_5shot",
    )
    audited = findings(recorded, "LLM360/CrystalCoder", *slugs)
    assert all(finding.objected for finding in audited.values())


def test_one_letter_for_every_question(recorded: Recorded) -> None:
    slugs = ("hellaswag_10shot", "mmlu_0shot", "mmlu_5shot", "arc_challenge_25shot", "lambada_0shot")
    audited = findings(recorded, "meta-llama/Meta-Llama-3-8B", *slugs)
    assert [slug for slug, finding in audited.items() if finding.objected] == ["mmlu_0shot"]
    assert "at chance" in audited["mmlu_0shot"].cause


def test_a_good_run_is_believed(recorded: Recorded) -> None:
    slugs = ("hellaswag_10shot", "mmlu_5shot", "arc_challenge_25shot", "lambada_0shot", "winogrande_5shot")
    assert not any(finding.objected for finding in findings(recorded, "EleutherAI/pythia-6.9b", *slugs).values())
