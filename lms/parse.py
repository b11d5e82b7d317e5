"""Runs stanza over generations and hands its parses to the arithmetic as plain documents. Parsing happens here only;
models are never downloaded by a stage: a person does that once, and an error says how."""

import importlib.metadata
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from features.text_parsed import ParsedDocument, ParsedSentence, ParsedWord
from foretell.errors import ConfigError

PROCESSORS = "tokenize,mwt,pos,lemma,depparse,constituency"
NOT_INSTALLED = "parsing needs stanza, which is not installed: pip install 'foretell[text]'"
STANZA_NAMES = {"zh": "zh-hans", "no": "nb"}
"""Languages that stanza names otherwise than the language detector."""


def document_from_stanza(document: Any) -> ParsedDocument:
    """A stanza Document (from a pipeline, or from `CoNLL.conll2doc`) as a ParsedDocument."""
    return ParsedDocument(
        tuple(
            ParsedSentence(
                tuple(ParsedWord(word.text, word.upos, word.head) for word in sentence.words),
                bracketed(sentence.constituency) if getattr(sentence, "constituency", None) is not None else None,
            )
            for sentence in document.sentences
        )
    )


def bracketed(tree: Any) -> str:
    """A stanza tree (`label`, `children`) in brackets. Words with spaces or brackets in them stay one word, which
    stanza's own writing does not promise; without recursion, because generations can be nested without end."""
    pieces: list[str] = []
    waiting: list[Any] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            pieces.append(node)
        elif node.children:
            pieces.append(f"({_one_word(node.label)}")
            waiting.append(")")
            waiting.extend(reversed(node.children))
        else:
            pieces.append(_one_word(node.label))
    return " ".join(pieces).replace(" )", ")")


def _one_word(label: str) -> str:
    return "_".join(label.replace("(", "-LRB-").replace(")", "-RRB-").split()) or "_"


@dataclass
class StanzaParser:
    """Parses texts of the chosen languages; each language's pipeline is loaded when its first text comes.

    `languages` are ISO 639-1 codes as the language detector gives them, `model_dir` the folder of stanza's downloaded
    models (stanza's own default where None). `load` makes a pipeline from a language code and `version` names it; tests
    give their own."""

    languages: tuple[str, ...] = ("en",)
    model_dir: Path | None = None
    device: str = "cpu"
    load: Callable[["StanzaParser", str], Callable[[str], Any]] | None = None
    version: str = ""
    _pipelines: dict[str, Callable[[str], Any]] = field(default_factory=dict, init=False, repr=False)

    @property
    def identity(self) -> str:
        """Package, version and languages, for the lineage of a row. Raises ConfigError where stanza is missing."""
        return f"stanza {self.version or _stanza_version()} ({', '.join(sorted(self.languages))})"

    def supports(self, language: str | None) -> bool:
        """Whether texts of this language are parsed."""
        return language in self.languages

    def check(self) -> None:
        """Loads every language's pipeline, so that a missing model stops the work before it starts. Raises ConfigError
        with the command that downloads it."""
        for language in self.languages:
            self._pipeline(language)

    def parse(self, text: str, language: str) -> ParsedDocument | str:
        """The parsed text, or the reason why stanza could not parse it (its own error, in one line). A language that is
        not supported is the caller's mistake: ask `supports` first. Being out of memory is raised, not recorded: it
        says something about the machine, not about the text."""
        pipeline = self._pipeline(language)
        try:
            return document_from_stanza(pipeline(text))
        except (RuntimeError, ValueError, IndexError) as e:
            if "out of memory" in str(e):
                raise
            return f"{type(e).__name__}: {' '.join(str(e).split())[:200]}"

    def _pipeline(self, language: str) -> Callable[[str], Any]:
        if language not in self._pipelines:
            self._pipelines[language] = (self.load or _load_pipeline)(self, language)
        return self._pipelines[language]


def parse_each(
    parser: StanzaParser, texts: Sequence[str], languages: Sequence[str | None]
) -> list[ParsedDocument | str]:
    """One entry per text: its parse, or why it has none ("empty", "unsupported language: fr", "parser failed: ...")."""
    entries: list[ParsedDocument | str] = []
    for text, language in zip(texts, languages, strict=True):
        if not text.strip():
            entries.append("empty")
        elif language is None or not parser.supports(language):
            entries.append(f"unsupported language: {language or 'none detected'}")
        else:
            parsed = parser.parse(text, language)
            entries.append(f"parser failed: {parsed}" if isinstance(parsed, str) else parsed)
    return entries


def _stanza_version() -> str:
    try:
        return importlib.metadata.version("stanza")
    except importlib.metadata.PackageNotFoundError:
        raise ConfigError(NOT_INSTALLED) from None


def _load_pipeline(parser: StanzaParser, language: str) -> Callable[[str], Any]:
    name = STANZA_NAMES.get(language, language)
    try:
        import stanza
        from stanza.pipeline.core import LanguageNotDownloadedError, UnsupportedProcessorError
    except ImportError as e:
        raise ConfigError(NOT_INSTALLED) from e
    arguments: dict[str, Any] = {
        "lang": name,
        "download_method": None,
        "verbose": False,
        "use_gpu": parser.device != "cpu",
    }
    if parser.device != "cpu":
        arguments["device"] = parser.device
    if parser.model_dir is not None:
        arguments["dir"] = str(parser.model_dir)
    try:
        return stanza.Pipeline(processors=_processors(parser, name), **arguments)
    except (LanguageNotDownloadedError, UnsupportedProcessorError, FileNotFoundError, ValueError) as e:
        where = f", model_dir={str(parser.model_dir)!r}" if parser.model_dir is not None else ""
        raise ConfigError(
            f"stanza's models for language {name!r} are not there ({' '.join(str(e).split())[:150]}). "
            "Download them once on a machine with network: "
            f'python -c "import stanza; stanza.download({name!r}{where})", '
            "or take the language out of tag.parser.languages in params.yaml"
        ) from e


def _processors(parser: StanzaParser, name: str) -> str:
    """Those of PROCESSORS that stanza has for the language; not every language has a constituency parser."""
    from stanza.resources.common import DEFAULT_MODEL_DIR

    resources = Path(parser.model_dir or DEFAULT_MODEL_DIR) / "resources.json"
    known = json.loads(resources.read_text(encoding="utf-8")).get(name, {})
    return ",".join(p for p in PROCESSORS.split(",") if p in known)
