"""The stages `tag` and `check_generations` in an empty folder: what they read, write and refuse."""

import json
import shutil
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from benchmarks import text_features
from features.tagged import read_tagged
from features.text_table import COLUMNS
from foretell.errors import ConfigError
from lms.language import LanguageDetector
from lms.tag import Taggers
from lms.tag_settings import TagSettings, tag_fingerprint
from pipelines import params as _params
from pipelines.stages import tag

ROOT = Path(__file__).parents[3]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    _params.load_params.cache_clear()
    monkeypatch.setattr(
        tag, "open_taggers", lambda settings: Taggers(LanguageDetector(lambda text: ("en", 1.0), "fake"))
    )
    yield tmp_path
    _params.load_params.cache_clear()


def sample(slug: str, model_id: str) -> None:
    folder = Path("data/generations") / slug
    folder.mkdir(parents=True)
    content = b'{"index": 0, "text": "two dogs", "n_tokens": 2}\n{"index": 1, "text": "why?", "n_tokens": 2}\n'
    (folder / "shard-00000.jsonl").write_bytes(content)
    shards = [{"file": "shard-00000.jsonl", "sha256": sha256(content).hexdigest()}]
    manifest = {"record": {"model_id": model_id}, "fingerprint": "f" * 16, "shards": shards}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_tag_writes_row_left_out_and_lineage(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for slug, model_id in (("org-b", "org/b"), ("org-a", "org/a")):
        sample(slug, model_id)
        monkeypatch.setattr(sys, "argv", ["tag.py", slug])
        tag.main()
    table = read_tagged(Path("data/tags"))
    assert list(table.columns) == ["model_id", *COLUMNS]
    assert table["model_id"].tolist() == ["org/a", "org/b"]
    assert table["n_tokens_mean"].tolist() == [2.0, 2.0]
    assert table["pct_generated_web"].isna().all()
    assert Path("data/tags/left_out/org-a.csv").is_file()
    lineage = json.loads(Path("data/lineage/org-a.tag.json").read_text())
    assert lineage["model_id"] == "org/a"
    assert lineage["fingerprint"] == tag_fingerprint("f" * 16, _params.load_params().tag)
    assert lineage["taggers"]["language_detector"] == "fake"


def test_tag_names_the_models_that_have_generations(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample("org-a", "org/a")
    monkeypatch.setattr(sys, "argv", ["tag.py", "../x"])
    with pytest.raises(ConfigError, match="takes one of: org-a"):
        tag.main()


def test_nothing_tagged_is_an_empty_table(tmp_path: Path) -> None:
    table = read_tagged(tmp_path)
    assert table.empty
    assert list(table.columns) == ["model_id", *COLUMNS]


def test_the_fingerprint_follows_what_can_change_a_feature() -> None:
    plain = TagSettings()
    same = TagSettings.model_validate({"device": "cuda", "answers": "x", "education": {"batch_size": 1}})
    other = TagSettings.model_validate({"parser": {"languages": ["en", "de"]}})
    assert tag_fingerprint("a", plain) == tag_fingerprint("a", same)
    assert len({tag_fingerprint("a", plain), tag_fingerprint("b", plain), tag_fingerprint("a", other)}) == 3


def test_the_benchmark_measures(capsys: pytest.CaptureFixture[str]) -> None:
    figures = text_features.measure(20)
    assert set(figures) == {"seconds", "documents_per_second", "peak_mebibytes"}
    assert all(value > 0 for value in figures.values())
