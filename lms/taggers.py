"""The taggers that the settings describe. One that is not set up is left out, and the row says so; nothing is
downloaded."""

from pathlib import Path

from lms.classifier import load_classifier
from lms.domains import DomainClassifier, EndpointDomains, LocalDomains
from lms.endpoint import AnswerCache, Endpoint
from lms.language import py3langid_detector
from lms.parse import StanzaParser
from lms.tag import Taggers
from lms.tag_settings import TagSettings


def open_taggers(settings: TagSettings) -> Taggers:
    """The taggers that the settings describe, loaded. Raises ConfigError where one cannot be loaded."""
    parser, education = settings.parser, settings.education
    return Taggers(
        detector=py3langid_detector(),
        parser=StanzaParser(parser.languages, Path(parser.model_dir) if parser.model_dir else None, settings.device)
        if parser.languages
        else None,
        education=load_classifier(
            education.model, education.revision, settings.device, education.batch_size, education.max_tokens
        )
        if education.model
        else None,
        domains=_domains(settings),
    )


def _domains(settings: TagSettings) -> DomainClassifier | None:
    domains = settings.domains
    if domains.classifier == "endpoint":
        return EndpointDomains(Endpoint(domains.endpoint, AnswerCache(Path(settings.answers))))
    if domains.classifier == "local":
        local = domains.local
        classifier = load_classifier(local.model, local.revision, settings.device, local.batch_size, local.max_tokens)
        return LocalDomains(classifier, local.label_map)
    return None
