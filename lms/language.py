"""Which language a generation is in: decides what may be parsed, and the share of English. py3langid is used because
its model ships inside the package, so that tagging needs no network."""

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass

from foretell.errors import ConfigError


@dataclass(frozen=True)
class LanguageDetector:
    """Detects languages with py3langid; `identity` names the package and its version for the lineage of a row."""

    classify: Callable[[str], tuple[str, float]]
    identity: str

    def language(self, text: str) -> str | None:
        """ISO 639-1 code of the text's most likely language, or None where the text holds no letter at all."""
        return self.classify(text)[0] if any(character.isalpha() for character in text) else None


def py3langid_detector() -> LanguageDetector:
    """The detector with all of py3langid's languages. Raises ConfigError where the package is missing."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as e:
        raise ConfigError(
            "language detection needs py3langid, which is not installed: pip install 'foretell[text]'"
        ) from e
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    return LanguageDetector(identifier.classify, f"py3langid {importlib.metadata.version('py3langid')}")
