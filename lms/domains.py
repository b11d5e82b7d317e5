"""Which kind of text each generation is: coherent or not, code, web, or one of the rest. Asked in this order, each
stage with a prompt of its own (lms/prompts/): the study classified in stages, and its shares are only comparable with
shares from the same questions in the same order. Two classifiers can be exchanged for one another: an endpoint that
speaks the OpenAI protocol, which is asked stage by stage, and a local Hugging Face text classifier, whose labels are
mapped to ours."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from features.text_domains import DOMAINS, OUTSIDE
from foretell.errors import ConfigError
from lms.classifier import TextClassifier
from lms.endpoint import CostEstimate, Endpoint, Question

PROMPTS_FOLDER = Path(__file__).parent / "prompts"
STAGES: dict[str, dict[str, str | None]] = {
    "coherent": {"coherent": None, "incoherent": "incoherent"},
    "code": {"code": "code", "other": None},
    "web": {"web": "web", "other": None},
    "rest": {
        "books": "books",
        "reference": "reference",
        "academic": "academic",
        "specialised": "specialized",
        "specialized": "specialized",
        "web": "web",
        "other": "other",
    },
}
"""Each stage's possible answers, in order, and the label an answer settles; None passes the text on to the next."""

SHORTEST_CHARACTERS = 50
"""A shorter text shows too little of any kind to be asked about; it counts as incoherent, as in the study."""


class DomainClassifier(Protocol):
    """Anything that labels texts; `identity` stands in the lineage of a row and decides what must be tagged again,
    `prepare` says what lies ahead (and refuses what costs too much) before the first text."""

    @property
    def identity(self) -> str: ...

    def prepare(self, texts: Iterable[str]) -> str: ...

    def classify(self, texts: Sequence[str]) -> list[str]: ...


def prompt(stage: str) -> str:
    """The text of a stage's prompt."""
    return (PROMPTS_FOLDER / f"{stage}.txt").read_text(encoding="utf-8").strip()


@dataclass(frozen=True)
class EndpointDomains:
    """Domains by questions to an endpoint. Answers are cached by the endpoint, so asking again costs nothing."""

    endpoint: Endpoint

    @property
    def identity(self) -> str:
        prompts = hashlib.sha256("\n".join(prompt(stage) for stage in STAGES).encode()).hexdigest()[:12]
        settings = self.endpoint.settings
        return f"{settings.model} (prompts {prompts}, first {settings.max_characters} characters)"

    def estimate(self, texts: Iterable[str]) -> CostEstimate:
        """What classifying these texts costs at most: every stage of every text that is not in the cache."""
        return self.endpoint.estimate(
            self._question(stage, text) for text in texts for stage in STAGES if len(text) >= SHORTEST_CHARACTERS
        )

    def prepare(self, texts: Iterable[str]) -> str:
        """The estimated cost in words. Raises ConfigError where it is over the budget."""
        estimate = self.estimate(texts)
        self.endpoint.check_budget(estimate)
        return f"domains by {self.endpoint.settings.model}: {estimate}"

    def classify(self, texts: Sequence[str]) -> list[str]:
        """One label a text: a domain, `incoherent`, `other`, or `unanswered` where an answer was not among those asked
        for. Raises ConfigError, before the first question, where the estimate is over the endpoint's budget, and where
        the endpoint does not answer at all."""
        self.prepare(texts)
        pool = ThreadPoolExecutor(self.endpoint.settings.concurrency)
        try:
            return list(pool.map(self._classify_one, texts))
        finally:  # after an error the texts still waiting must not each fail in their turn
            pool.shutdown(cancel_futures=True)

    def _classify_one(self, text: str) -> str:
        if len(text) < SHORTEST_CHARACTERS:
            return "incoherent"
        for stage, answers in STAGES.items():
            answer = read_answer(self.endpoint.ask(self._question(stage, text)), tuple(answers))
            if answer is None:
                return "unanswered"
            label = answers[answer]
            if label is not None:
                return label
        raise AssertionError("the last stage settles every answer")

    def _question(self, stage: str, text: str) -> Question:
        return Question(prompt(stage), text[: self.endpoint.settings.max_characters])


def read_answer(reply: str, allowed: Sequence[str]) -> str | None:
    """The one allowed answer that a reply gives, in any case and with quotes or a full stop around it; None where the
    reply says something else, or more than one of them. Whole words only: `incoherent` is not `coherent`."""
    words = "".join(c if c.isalnum() else " " for c in reply.lower()).split()
    named = {word for word in words if word in allowed}
    return named.pop() if len(named) == 1 and len(words) <= 8 else None


@dataclass(frozen=True)
class LocalDomains:
    """Domains by a local text classifier: its most likely label, by `label_map` one of ours."""

    classifier: TextClassifier
    label_map: Mapping[str, str]

    def __post_init__(self) -> None:
        known = (*DOMAINS, *OUTSIDE)
        unmapped = [label for label in self.classifier.labels if label not in self.label_map]
        wrong = {label: to for label, to in self.label_map.items() if to not in known}
        if unmapped or wrong:
            raise ConfigError(
                f"label map of {self.classifier.identity}: labels without an entry {unmapped}, entries to unknown "
                f"domains {wrong}; expected every label of the classifier mapped to one of {list(known)}"
            )

    @property
    def identity(self) -> str:
        mapping = ", ".join(f"{label}={self.label_map[label]}" for label in self.classifier.labels)
        return f"{self.classifier.identity} ({mapping})"

    def prepare(self, texts: Iterable[str]) -> str:
        """What will classify, in words; it costs nothing."""
        return f"domains by {self.identity}"

    def classify(self, texts: Sequence[str]) -> list[str]:
        """One label a text. Short texts count as incoherent, as with an endpoint."""
        labels = ["incoherent"] * len(texts)
        long = [i for i, text in enumerate(texts) if len(text) >= SHORTEST_CHARACTERS]
        for i, best in zip(long, self.classifier.logits([texts[i] for i in long]).argmax(axis=1), strict=True):
            labels[i] = self.label_map[self.classifier.labels[int(best)]]
        return labels
