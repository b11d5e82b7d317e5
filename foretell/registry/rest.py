"""Versions on an MLflow server, asked over its REST interface (https://mlflow.org/docs/latest/rest-api.html) with the
standard library: `mlflow` and `requests` each take a second or more to import."""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from foretell.registry.version import NotReadableError, RegisteredVersion

ANSWER_SECONDS = 20.0
CONNECTIONS = 8  # requests at once: over a slow line their number counts and not the server's work
ALIAS_PATH = "api/2.0/mlflow/registered-models/alias"
SEARCH_PATH = "api/2.0/mlflow/registered-models/search"
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # no such model, no such alias
SPECIAL = (
    "MLFLOW_WORKSPACE",
    "MLFLOW_TRACKING_AUTH",
    "MLFLOW_TRACKING_AWS_SIGV4",
    "MLFLOW_TRACKING_CLIENT_CERT_PATH",
    "MLFLOW_TRACKING_INSECURE_TLS",
    "MLFLOW_TRACKING_SERVER_CERT_PATH",
)
"""Settings of MLflow's own client that change how a server is spoken to; with one of them, MLflow is asked."""


def aliased_versions(address: str, names: Sequence[str], aliases: Sequence[str]) -> list[RegisteredVersion]:
    """The versions of the registered models `names` that one of `aliases` points to, on the server at `address`: for
    each model the first alias that there is.

    Raises NotReadableError when the server does not answer, refuses, or must be spoken to in a way of its own.
    """
    base, headers = _address_and_headers(address)

    def first_of(name: str) -> RegisteredVersion | None:
        versions = (_version(base, headers, name, alias) for alias in aliases)
        return next((version for version in versions if version is not None), None)

    with ThreadPoolExecutor(CONNECTIONS) as requests:
        return [version for version in requests.map(first_of, names) if version is not None]


def _address_and_headers(address: str) -> tuple[str, dict[str, str]]:
    """The address without user name and password, and the headers that say who asks: those of MLFLOW_TRACKING_USERNAME
    and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, or the address's own. Raises NotReadableError for a setting
    that this module does not know how to follow."""
    special = [name for name in SPECIAL if os.environ.get(name)]
    if special:
        raise NotReadableError(f"{special[0]} is set")
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    base = f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
    user, password = os.environ.get("MLFLOW_TRACKING_USERNAME"), os.environ.get("MLFLOW_TRACKING_PASSWORD")
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    if not user and parts.username:
        user, password = unquote(parts.username), unquote(parts.password or "")
    if user:
        encoded = base64.b64encode(f"{user}:{password or ''}".encode()).decode()
        return base, {"Authorization": f"Basic {encoded}"}
    return base, {"Authorization": f"Bearer {token}"} if token else {}


def registered_names(address: str, prefix: str) -> list[str]:
    """The names of the registered models that begin with `prefix`, in order. Raises as `aliased_versions` does."""
    base, headers = _address_and_headers(address)
    names: list[str] = []
    page = ""
    while True:
        asked = {"filter": f"name LIKE '{prefix}%'", "max_results": "1000"} | ({"page_token": page} if page else {})
        answer = _get(f"{base}/{SEARCH_PATH}?{urlencode(asked)}", headers)
        names += [str(model["name"]) for model in answer.get("registered_models", [])]
        page = str(answer.get("next_page_token", ""))
        if not page:
            return sorted(names)


def _version(base: str, headers: Mapping[str, str], name: str, alias: str) -> RegisteredVersion | None:
    answer = _get(f"{base}/{ALIAS_PATH}?{urlencode({'name': name, 'alias': alias})}", headers)
    try:
        return _from_plain(answer["model_version"], alias) if answer else None
    except (KeyError, TypeError) as error:
        raise NotReadableError(f"{base}: not the answer of an MLflow server ({error})") from None


def _get(url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """What the server answers; empty when it says that there is no such thing."""
    try:
        request = urllib.request.Request(url)
        for name, value in headers.items():
            request.add_unredirected_header(name, value)  # a redirection to another host does not get the password
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        if _error_code(error) in ABSENT:
            return {}
        raise NotReadableError(f"{url}: {error.code} {error.reason}") from None
    except (OSError, ValueError) as error:
        raise NotReadableError(f"{url}: {error}") from None
    if not isinstance(found, dict):
        raise NotReadableError(f"{url}: not the answer of an MLflow server")
    return found


def _from_plain(found: Mapping[str, Any], alias: str) -> RegisteredVersion:
    return RegisteredVersion(
        name=str(found["name"]),
        number=str(found["version"]),
        alias=alias,
        run_id=str(found.get("run_id", "")),
        source=str(found.get("source", "")),
        tags={str(tag["key"]): str(tag.get("value", "")) for tag in found.get("tags", [])},
    )


def _error_code(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error_code"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
