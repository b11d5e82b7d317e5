"""Educational value of generations, scored by a regression classifier in the manner of FineWeb-Edu's (Penedo et al.
2024): one output, about 0 (none) to 5 (excellent teaching material)."""

from collections.abc import Sequence

from foretell.errors import ConfigError
from lms.classifier import TextClassifier


def educational_scores(classifier: TextClassifier, texts: Sequence[str]) -> list[float]:
    """One score a text (none of them empty), unrounded and unclipped, as the classifier gives it. Raises ConfigError
    where the classifier has more than one output: it is then not a regression."""
    if len(classifier.labels) != 1:
        raise ConfigError(
            f"classifier {classifier.identity} has {len(classifier.labels)} outputs {list(classifier.labels)[:5]}, "
            "expected 1: an educational score is a regression (for example HuggingFaceFW/fineweb-edu-classifier)"
        )
    return [float(score) for score in classifier.logits(texts)[:, 0]]
