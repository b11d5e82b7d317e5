"""The tokenizer of a run: trained on the run's own text, or loaded from a folder or the hub at a pinned commit."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from foretell.errors import ConfigError, DataError
from foretell.settings import Count, settings
from lms.pretrain.state import whole_folder
from lms.pretrain.text import Source, is_held_out, read_documents

BEGIN, END = "<s>", "</s>"
LIMITS = "limits.json"  # beside the files of transformers


@settings
class TrainedTokenizer:
    """Byte-level BPE of `vocabulary` tokens, trained on the first `characters` characters of each source's training
    documents."""

    vocabulary: Annotated[int, Field(ge=258)]
    characters: Count


@settings
class LoadedTokenizer:
    """A fast tokenizer of transformers in a local folder, or on the hub at the commit `revision` (of a folder: any
    text). It needs an end-of-text token."""

    load: str
    revision: str

    def __post_init__(self) -> None:
        if not Path(self.load).is_dir() and not re.fullmatch("[0-9a-f]{40}", self.revision):
            raise ConfigError(
                f"tokenizer {self.load}: no such folder, and {self.revision!r} is no commit (40 hex digits)"
            )


def train_tokenizer(texts: Iterable[str], vocabulary: int, context: int) -> Any:
    """A byte-level BPE tokenizer (transformers' fast class) of at most `vocabulary` tokens, trained on `texts`; the
    same texts give the same tokenizer. Any UTF-8 text can be encoded. `context` is the length it reports."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(texts, vocab_size=vocabulary, special_tokens=[BEGIN, END], show_progress=False)
    return PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer, bos_token=BEGIN, eos_token=END, pad_token=END, model_max_length=context
    )


def make_tokenizer(
    settings: TrainedTokenizer | LoadedTokenizer, sources: Sequence[Source], held_out_share: float, folder: Path
) -> None:
    """Write the tokenizer's files into `folder`, unless they are there. Raises DataError where it has no end-of-text
    token."""
    if folder.is_dir():
        return
    if isinstance(settings, TrainedTokenizer):
        texts = (text for source in sources for text in _sample(source, settings.characters, held_out_share))
        tokenizer = train_tokenizer(texts, settings.vocabulary, context=2**30)
    else:
        from transformers import AutoTokenizer

        revision = {} if Path(settings.load).is_dir() else {"revision": settings.revision}
        try:
            tokenizer = AutoTokenizer.from_pretrained(settings.load, trust_remote_code=False, **revision)
        except (OSError, ValueError) as error:
            raise ConfigError(f"tokenizer {settings.load}: cannot be loaded ({str(error).splitlines()[0]})") from None
    if tokenizer.eos_token_id is None or not tokenizer.is_fast:
        raise DataError("the tokenizer has no end-of-text token or is not a fast one; choose another")
    limits = {"size": len(tokenizer), "begin": tokenizer.bos_token_id, "end": tokenizer.eos_token_id}
    with whole_folder(folder) as temporary:
        tokenizer.save_pretrained(temporary)
        (temporary / LIMITS).write_text(json.dumps(limits) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Encoder:
    """A tokenizer without transformers around it, which takes seconds to import. `size` is the number of tokens,
    `begin` that of beginning-of-text (None: there is none) and `end` that of end-of-text."""

    folder: Path
    size: int
    begin: int | None
    end: int

    def documents(self, texts: Sequence[str]) -> list[list[int]]:
        """Each text's tokens between beginning-of-text, if there is one that is not end-of-text, and end-of-text."""
        begin = [] if self.begin in (None, self.end) else [self.begin]
        encoded = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [[*begin, *encoding.ids, self.end] for encoding in encoded]

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer


def load_encoder(folder: Path) -> Encoder:
    """The tokenizer that `make_tokenizer` wrote into `folder`."""
    return Encoder(folder, **json.loads((folder / LIMITS).read_text(encoding="utf-8")))


def tokenizer_sha256(folder: Path) -> str:
    """SHA-256 of tokenizer.json, which decides every token."""
    return hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest()


def _sample(source: Source, characters: int, held_out_share: float) -> Iterator[str]:
    left = characters
    for text in read_documents(source):
        if not is_held_out(text, held_out_share):
            yield text[:left]
            left -= len(text)
            if left <= 0:
                return
