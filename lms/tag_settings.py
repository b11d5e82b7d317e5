"""The settings of tagging, as the `tag` section of params.yaml holds them. Unknown keys are refused."""

import hashlib
import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from lms.fingerprint import code_hashes


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ParserSettings(_Section):
    """`languages`: ISO 639-1 codes of the languages that stanza parses (texts in others are left out and counted); an
    empty list parses nothing. `model_dir`: folder of the downloaded models, "" for stanza's own."""

    languages: tuple[str, ...] = ("en",)
    model_dir: str = ""


class ClassifierSettings(_Section):
    """A Hugging Face classifier: a local folder, or `org/name` with the commit in `revision`; "" for none. Texts are
    cut at `max_tokens`."""

    model: str = ""
    revision: str = ""
    batch_size: int = Field(default=32, ge=1)
    max_tokens: int = Field(default=512, ge=8)


class LocalDomainSettings(ClassifierSettings):
    """`label_map`: every label of the classifier to a domain, `incoherent`, `other` or `unanswered`."""

    label_map: dict[str, str] = Field(default_factory=dict)


class EndpointSettings(_Section):
    """`url` is the base address (ending in /v1); the key is read from the environment variable `api_key_env` and sent
    nowhere else (no key is sent where the variable is not set: local servers need none). Prices are US dollars per
    million tokens. Waits between tries grow from `backoff_seconds`, doubling; a server's Retry-After is obeyed up to
    two minutes. Texts are cut at `max_characters`, `concurrency` texts are asked about at a time."""

    url: str = ""
    model: str = ""
    api_key_env: str = "OPENAI_API_KEY"
    timeout_seconds: float = Field(default=60.0, gt=0)
    max_retries: int = Field(default=6, ge=0)
    backoff_seconds: float = Field(default=1.0, ge=0)
    max_answer_tokens: int = Field(default=8, ge=1)
    usd_per_million_input_tokens: float = Field(default=0.0, ge=0)
    usd_per_million_output_tokens: float = Field(default=0.0, ge=0)
    max_cost_usd: float = Field(default=10.0, ge=0)
    max_characters: int = Field(default=4000, ge=100)
    concurrency: int = Field(default=8, ge=1)


class DomainSettings(_Section):
    """`classifier` says which of the two is used: `endpoint`, `local`, or `none`."""

    classifier: Literal["none", "endpoint", "local"] = "none"
    endpoint: EndpointSettings = EndpointSettings()
    local: LocalDomainSettings = LocalDomainSettings()


class TagSettings(_Section):
    """Everything that tags generations. `device` (cpu, cuda) is where parser and local classifiers run; `answers` is
    the SQLite file that keeps an endpoint's answers, so that none is paid for twice."""

    parser: ParserSettings = ParserSettings()
    education: ClassifierSettings = ClassifierSettings()
    domains: DomainSettings = DomainSettings()
    device: str = "cpu"
    answers: str = ".progress/domain_answers.sqlite"


def tag_fingerprint(sample_fingerprint: str, settings: TagSettings) -> str:
    """16 hex digits that change with the sampled texts, with the code that tags them and with every setting that can
    change a feature: not with the device, the endpoint's address, prices and waits, or how much is done at once."""
    endpoint = {"model", "max_answer_tokens", "max_characters"}
    local = {"model", "revision", "max_tokens"}
    dump = settings.model_dump(
        include={
            "parser": {"languages"},
            "education": local,
            "domains": {"classifier": True, "endpoint": endpoint, "local": {*local, "label_map"}},
        }
    )
    stated = [sample_fingerprint, dump, code_hashes("lms.tag", "lms.taggers")]
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()[:16]
