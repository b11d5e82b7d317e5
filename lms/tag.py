"""From a folder of generations to one row of generation features. Each shard's numbers are written to a file of their
own before the next shard begins, so that work that is cut off goes on at the shard where it stopped; the row is then
pure arithmetic over those files. Equal generations and equal taggers give equal bytes, however often the work was
interrupted."""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from features.text_table import FeatureRow, feature_row, parse_numbers, text_numbers
from foretell.errors import DataError
from lms.classifier import TextClassifier
from lms.domains import DomainClassifier
from lms.education import educational_scores
from lms.files import write_whole
from lms.language import LanguageDetector
from lms.parse import StanzaParser, parse_each

FORMAT = 1
"""Raised when the numbers of a shard change their meaning: files of an older format are made again."""

LINEAGE = ("language_detector", "parser", "educational_classifier", "domain_classifier")


@dataclass(frozen=True)
class Taggers:
    """What tags the texts. Only the language detector is indispensable; without one of the others its features stay
    empty, and the row says why."""

    detector: LanguageDetector
    parser: StanzaParser | None = None
    education: TextClassifier | None = None
    domains: DomainClassifier | None = None

    @property
    def lineage(self) -> dict[str, str]:
        """Who made the numbers: one entry a tagger, "none" where there is none."""
        taggers = (self.detector, self.parser, self.education, self.domains)
        return {name: t.identity if t is not None else "none" for name, t in zip(LINEAGE, taggers, strict=True)}


@dataclass(frozen=True)
class Generation:
    """One line of a shard."""

    index: int
    text: str
    n_tokens: int


@dataclass(frozen=True)
class TaggedText:
    """What the taggers say about one generation. `domain` is None without a domain classifier; `left_out` says why it
    has no parse or no score. `numbers` are the text's own, by name."""

    index: int
    language: str | None
    domain: str | None
    numbers: dict[str, float]
    left_out: dict[str, str]


def tag_generations(
    folder: Path,
    output: Path,
    work: Path,
    model_id: str,
    taggers: Taggers,
    say: Callable[[str], None] = lambda line: None,
) -> FeatureRow:
    """Tag the generations in `folder` (`shard-*.jsonl`, and `manifest.json`, which the sampler writes last) and write:

    - `output` (.csv): one row: model_id, the generation features, counts of generations used and left out, who tagged,
      and the reasons for what is empty;
    - `left_out/<name of output>` beside it: each generation that a feature group leaves out, with the reason;
    - in `work`: one file per shard, taken up again where shard and taggers are unchanged.

    `say` is told the cost ahead and each shard's progress. Raises DataError where the generations are not complete or a
    line is not what the sampler writes."""
    shards = _shards(folder)
    settings = _digest(json.dumps([FORMAT, taggers.lineage], sort_keys=True).encode())
    todo = [shard for shard in shards if _finished(_part(work, shard, settings), shard) is None]
    if taggers.parser is not None and todo:
        taggers.parser.check()
    if taggers.domains is not None and todo:
        say(taggers.domains.prepare(g.text for shard in todo for g in read_shard(shard)))
    entries: list[TaggedText] = []
    for number, shard in enumerate(shards, start=1):
        part = _part(work, shard, settings)
        finished = _finished(part, shard)
        if finished is None:
            write_whole(part, _shard_file(shard, taggers).encode())
            finished = _finished(part, shard)
            say(f"{model_id}: shard {number} of {len(shards)} tagged")
        if finished is None:
            raise DataError(f"{part} cannot be read back after writing it; is another process writing to {work}?")
        entries.extend(finished)
    _check_indices(entries, folder)
    row = feature_row([e.numbers for e in entries], [e.language for e in entries], [e.domain for e in entries])
    write_whole(output.parent / "left_out" / output.name, _left_out_csv(entries).encode())
    write_whole(output, _row_csv(model_id, row, entries, taggers.lineage).encode())
    return row


def sampled_by(folder: Path) -> tuple[str, str]:
    """The language model that wrote the generations in `folder`, and the fingerprint of that sampling. Raises DataError
    where the manifest does not say."""
    stated = folder / "manifest.json"
    try:
        manifest = json.loads(stated.read_text(encoding="utf-8"))
        return str(manifest["record"]["model_id"]), str(manifest["fingerprint"])
    except (FileNotFoundError, ValueError, KeyError, TypeError) as e:
        raise DataError(
            f"{stated} does not name its model and settings (record.model_id, fingerprint: {type(e).__name__}); "
            "sample again"
        ) from e


def read_shard(shard: Path) -> list[Generation]:
    """A shard's generations. Raises DataError naming file and line where one is not of the sampler's form."""
    generations = []
    # Not splitlines(): a text may hold U+2028 or another character that only str counts as the end of a line.
    lines = shard.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        try:
            value = json.loads(line)
            generation = Generation(value["index"], value["text"], value["n_tokens"])
        except (ValueError, KeyError, TypeError) as e:
            raise DataError(
                f"{shard} line {number} is not a generation ({type(e).__name__}: {e}); expected JSON with index, text "
                "and n_tokens. Delete the folder and sample again"
            ) from e
        whole = type(generation.index) is int and type(generation.n_tokens) is int
        if not (whole and isinstance(generation.text, str)):
            raise DataError(f"{shard} line {number}: index and n_tokens must be whole numbers, and text a string")
        generations.append(generation)
    return generations


def tag_shard(generations: Sequence[Generation], taggers: Taggers) -> list[TaggedText]:
    """What the taggers say about each generation."""
    texts = [g.text for g in generations]
    languages = [taggers.detector.language(text) for text in texts]
    numbers = [text_numbers(g.text, g.n_tokens) for g in generations]
    left_out: list[dict[str, str]] = [{} for _ in generations]
    domains: Sequence[str | None] = [None for _ in generations]
    if taggers.parser is not None:
        for i, parsed in enumerate(parse_each(taggers.parser, texts, languages)):
            if isinstance(parsed, str):
                left_out[i]["parse"] = parsed
            else:
                numbers[i] |= parse_numbers(parsed)
    if taggers.education is not None:
        filled = [i for i, text in enumerate(texts) if text.strip()]
        for i, score in zip(filled, educational_scores(taggers.education, [texts[i] for i in filled]), strict=True):
            numbers[i]["educational_score"] = score
        for i in set(range(len(texts))) - set(filled):
            left_out[i]["educational_score"] = "empty"
    if taggers.domains is not None:
        domains = taggers.domains.classify(texts)
    return [
        TaggedText(generation.index, language, domain, values, reasons)
        for generation, language, domain, values, reasons in zip(
            generations, languages, domains, numbers, left_out, strict=True
        )
    ]


def _shards(folder: Path) -> list[Path]:
    """The shards that the manifest names, which must be the files it was written for; all, where it names none."""
    stated = folder / "manifest.json"
    shards = sorted(folder.glob("shard-*.jsonl"))
    if not stated.is_file() or not shards:
        raise DataError(
            f"{folder} holds {len(shards)} shards and {'a' if stated.is_file() else 'no'} manifest.json: the "
            "generations are not complete. Finish sampling first (dvc repro sample@<slug>)"
        )
    named = json.loads(stated.read_text(encoding="utf-8")).get("shards")
    if named is None:
        return shards
    for shard in named:
        path = folder / shard["file"]
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != shard["sha256"]:
            raise DataError(f"{path} is missing, or is not the file that manifest.json names; dvc checkout restores it")
    return [folder / shard["file"] for shard in named]


def _check_indices(entries: Sequence[TaggedText], folder: Path) -> None:
    twice = [index for index, count in Counter(e.index for e in entries).items() if count > 1]
    if twice:
        raise DataError(f"{folder}: generations {twice[:5]} occur more than once; delete the folder and sample again")


def _part(work: Path, shard: Path, settings: str) -> Path:
    return work / f"{shard.stem}-{settings}.json"


def _shard_file(shard: Path, taggers: Taggers) -> str:
    data = shard.read_bytes()
    value = {
        "shard_sha256": _digest(data),
        "entries": [asdict(entry) for entry in tag_shard(read_shard(shard), taggers)],
    }
    return json.dumps(_without_nan(value), ensure_ascii=False, allow_nan=False) + "\n"


def _finished(part: Path, shard: Path) -> list[TaggedText] | None:
    """A shard's entries where its file is there, whole, and made from the shard as it now is."""
    try:
        value = json.loads(part.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(value, dict) or value.get("shard_sha256") != _digest(shard.read_bytes()):
        return None
    for entry in value["entries"]:
        entry["numbers"] = {k: float("nan") if v is None else v for k, v in entry["numbers"].items()}
    return [TaggedText(**entry) for entry in value["entries"]]


def _row_csv(model_id: str, row: FeatureRow, entries: Sequence[TaggedText], lineage: Mapping[str, str]) -> str:
    reasons = Counter(f"{what}: {why}" for entry in entries for what, why in _reasons(entry))
    cells: dict[str, str] = {"model_id": model_id}
    cells |= {column: "" if np.isnan(value) else f"{value:.10g}" for column, value in row.values.items()}
    cells |= {name: str(count) for name, count in row.counts.items()}
    cells["left_out"] = "; ".join(f"{why} ({count})" for why, count in sorted(reasons.items()))
    cells["not_computed"] = "; ".join(f"{column}: {why}" for column, why in sorted(row.not_computed.items()))
    cells |= lineage
    return _csv([list(cells), list(cells.values())])


def _left_out_csv(entries: Sequence[TaggedText]) -> str:
    rows = [[str(e.index), what, why] for e in entries for what, why in _reasons(e, short=False)]
    return _csv([["index", "left_out_of", "reason"], *rows])


def _reasons(entry: TaggedText, short: bool = True) -> Iterator[tuple[str, str]]:
    for what, why in entry.left_out.items():
        yield what, "parser failed" if short and why.startswith("parser failed") else why
    if entry.domain in {"incoherent", "other", "unanswered"}:
        yield "domain shares", entry.domain


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_nan(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
