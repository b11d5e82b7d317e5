"""Tagging a folder of generations: the row, what is left out, and resuming after kill -9."""

import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from features.text_table import COLUMNS, PER_WORDS_COLUMNS
from foretell.errors import DataError
from lms.language import LanguageDetector
from lms.parse import StanzaParser
from lms.tag import Taggers, read_shard, tag_generations
from lms.tag_settings import TagSettings
from lms.taggers import open_taggers

ROOT = Path(__file__).parents[3]


def fake_pipeline(text: str) -> Any:
    """One sentence, each word hanging on the one before it, tagged in turn as noun and determiner."""
    words = [SimpleNamespace(text=word, upos=("NOUN", "DET")[i % 2], head=i) for i, word in enumerate(text.split())]
    leaves = [SimpleNamespace(label="NN", children=[SimpleNamespace(label=w.text, children=[])]) for w in words]
    tree = SimpleNamespace(label="ROOT", children=[SimpleNamespace(label="S", children=leaves)])
    return SimpleNamespace(sentences=[SimpleNamespace(words=words, constituency=tree)])


class FakeDomains:
    """Labels by the first word; counts the texts it was asked about."""

    identity = "fake"

    def __init__(self) -> None:
        self.asked = 0

    def prepare(self, texts: Any) -> str:
        return f"{len(list(texts))} texts to classify"

    def classify(self, texts: Any) -> list[str]:
        self.asked += len(texts)
        return ["incoherent" if not text.strip() else "web" if "web" in text else "code" for text in texts]


def detector() -> LanguageDetector:
    return LanguageDetector(lambda text: ("fr" if "le" in text.split() else "en", 1.0), "fake detector")


def taggers(domains: FakeDomains | None = None) -> Taggers:
    parser = StanzaParser(("en",), load=lambda parser, language: fake_pipeline, version="fake")
    return Taggers(detector(), parser, None, domains)


def write_generations(folder: Path, n_shards: int = 3) -> Path:
    folder.mkdir(parents=True)
    texts = ["a web page and 3 dogs", "", "le chat", "def f(x): return x", "how do you do?", "line\u2028separator web"]
    shards = []
    for shard in range(n_shards):
        lines = [
            json.dumps({"index": 10 * shard + i, "text": text, "n_tokens": len(text.split())}, ensure_ascii=False)
            for i, text in enumerate(texts)
        ]
        content = "".join(line + "\n" for line in lines).encode()
        (folder / f"shard-{shard:05d}.jsonl").write_bytes(content)
        shards.append({"file": f"shard-{shard:05d}.jsonl", "sha256": sha256(content).hexdigest()})
    (folder / "manifest.json").write_text(json.dumps({"shards": shards}))
    return folder


def read_row(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1
    return rows[0]


def test_one_row_with_every_column_and_what_was_left_out(tmp_path: Path) -> None:
    folder = write_generations(tmp_path / "generations")
    said: list[str] = []
    tag_generations(folder, tmp_path / "m.csv", tmp_path / "work", "org/m", taggers(FakeDomains()), said.append)
    row = read_row(tmp_path / "m.csv")
    assert row["model_id"] == "org/m"
    assert set(row) >= {*COLUMNS, *PER_WORDS_COLUMNS}
    assert row["n_generations"] == "18"
    assert row["n_parsed"] == "12"
    assert row["n_incoherent"] == "3"
    assert row["pct_generated_web"] == "40"  # 2 of 5 texts that have a domain
    assert row["pct_generated_english"] == "80"  # 4 of 5 texts that have a language
    assert row["educational_score_mean"] == ""
    assert "educational_score_mean, educational_score_std: no educational classifier ran" in row["not_computed"]
    assert row["left_out"] == "domain shares: incoherent (3); parse: empty (3); parse: unsupported language: fr (3)"
    assert row["parser"] == "stanza fake (en)"
    assert row["educational_classifier"] == "none"
    assert said[0] == "18 texts to classify"
    assert said[-1] == "org/m: shard 3 of 3 tagged"
    left_out = (tmp_path / "left_out" / "m.csv").read_text().splitlines()
    assert left_out[:3] == ["index,left_out_of,reason", "1,parse,empty", "1,domain shares,incoherent"]
    assert "22,parse,unsupported language: fr" in left_out
    assert len(left_out) == 1 + 9


def test_nothing_is_done_twice(tmp_path: Path) -> None:
    folder = write_generations(tmp_path / "generations")
    domains = FakeDomains()
    arguments = (folder, tmp_path / "m.csv", tmp_path / "work", "org/m", taggers(domains))
    tag_generations(*arguments)
    first = (tmp_path / "m.csv").read_bytes()
    tag_generations(*arguments)
    assert domains.asked == 18
    assert (tmp_path / "m.csv").read_bytes() == first
    # a changed shard is tagged again, and only that one
    shard = folder / "shard-00001.jsonl"
    shard.write_text(shard.read_text(encoding="utf-8").replace("web page", "sad page"), encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["shards"][1]["sha256"] = sha256(shard.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    tag_generations(*arguments)
    assert domains.asked == 24
    assert (tmp_path / "m.csv").read_bytes() != first


def test_other_taggers_start_afresh(tmp_path: Path) -> None:
    folder = write_generations(tmp_path / "generations")
    tag_generations(folder, tmp_path / "m.csv", tmp_path / "work", "org/m", taggers())
    assert read_row(tmp_path / "m.csv")["pct_generated_web"] == ""
    tag_generations(folder, tmp_path / "m.csv", tmp_path / "work", "org/m", taggers(FakeDomains()))
    assert read_row(tmp_path / "m.csv")["pct_generated_web"] == "40"


def test_a_torn_work_file_is_made_again(tmp_path: Path) -> None:
    folder = write_generations(tmp_path / "generations")
    tag_generations(folder, tmp_path / "m.csv", tmp_path / "work", "org/m", taggers())
    first = (tmp_path / "m.csv").read_bytes()
    torn = sorted((tmp_path / "work").glob("shard-00001-*"))[0]
    torn.write_bytes(torn.read_bytes()[:100])
    tag_generations(folder, tmp_path / "m.csv", tmp_path / "work", "org/m", taggers())
    assert (tmp_path / "m.csv").read_bytes() == first


def test_kill_minus_nine_then_resume_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = write_generations(tmp_path / "generations", n_shards=6)
    script = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        sys.path.insert(0, sys.argv[4])
        from test_tag import fake_pipeline, detector, FakeDomains
        from lms.parse import StanzaParser
        from lms.tag import Taggers, tag_generations
        def slow(text):
            time.sleep(0.04)
            return fake_pipeline(text)
        parser = StanzaParser(("en",), load=lambda parser, language: slow, version="fake")
        tag_generations(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), "org/m",
                        Taggers(detector(), parser, None, FakeDomains()))
    """)
    out, work = tmp_path / "killed.csv", tmp_path / "work"
    command = [sys.executable, "-c", script, str(folder), str(out), str(work), str(Path(__file__).parent)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    kills = 0
    for shards_before_the_kill in (1, 3):
        process = subprocess.Popen(command, env=environment)
        deadline = time.monotonic() + 60
        while len(list(work.glob("shard-*.json"))) < shards_before_the_kill and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        assert not out.exists()
    assert kills == 2
    assert 3 <= len(list(work.glob("shard-*.json"))) < 6
    domains = FakeDomains()
    tag_generations(folder, out, work, "org/m", taggers(domains))
    assert domains.asked < 36  # what was finished before the kills is not tagged again
    undisturbed = tmp_path / "undisturbed.csv"
    tag_generations(folder, undisturbed, tmp_path / "work2", "org/m", taggers(FakeDomains()))
    assert out.read_bytes() == undisturbed.read_bytes()
    left_out = [(path.parent / "left_out" / path.name).read_bytes() for path in (out, undisturbed)]
    assert left_out[0] == left_out[1]


def test_unfinished_generations_are_refused(tmp_path: Path) -> None:
    folder = write_generations(tmp_path / "generations")
    arguments = (folder, tmp_path / "m.csv", tmp_path / "work", "org/m", taggers())
    (folder / "shard-00002.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match=r"shard-00002\.jsonl is missing, or is not the file"):
        tag_generations(*arguments)
    (folder / "manifest.json").unlink()
    with pytest.raises(DataError, match=r"3 shards and no manifest\.json"):
        tag_generations(*arguments)
    assert not (tmp_path / "m.csv").exists()


@pytest.mark.parametrize(
    "line", ["not json", '{"index": 1, "text": "x"}', '{"index": true, "text": "x", "n_tokens": 1}', "[1]",
             '{"index": 1, "text": null, "n_tokens": 1}'],
)  # fmt: skip
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    shard = tmp_path / "shard-00000.jsonl"
    shard.write_text('{"index": 0, "text": "x", "n_tokens": 1}\n' + line + "\n")
    with pytest.raises(DataError, match="line 2"):
        read_shard(shard)


def test_the_same_generation_twice_is_refused(tmp_path: Path) -> None:
    folder = write_generations(tmp_path / "generations", n_shards=1)
    (folder / "manifest.json").write_text("{}")
    (folder / "shard-00001.jsonl").write_bytes((folder / "shard-00000.jsonl").read_bytes())
    with pytest.raises(DataError, match="occur more than once"):
        tag_generations(folder, tmp_path / "m.csv", tmp_path / "work", "org/m", taggers())


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="langages"):
        TagSettings.model_validate({"parser": {"langages": ["en"]}})


@pytest.mark.slow
def test_real_detector_without_the_other_taggers(tmp_path: Path) -> None:
    pytest.importorskip("py3langid", reason="py3langid is not installed (extra: text)")
    folder = write_generations(tmp_path / "generations")
    opened = open_taggers(TagSettings.model_validate({"parser": {"languages": []}}))
    tag_generations(folder, tmp_path / "m.csv", tmp_path / "work", "org/m", opened)
    row = read_row(tmp_path / "m.csv")
    assert float(row["n_tokens_mean"]) == pytest.approx((6 + 0 + 2 + 4 + 5 + 2) / 6)
    assert row["language_detector"].startswith("py3langid")
    assert "no generation was parsed" in row["not_computed"]
