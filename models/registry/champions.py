"""Champions: which version is, which were, and the moves between them. MLflow's aliases have no history and no
compare-and-set, so every move is written as a tag of the registered model, and a move is made under a claim that a
second mover respects.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from mlflow.entities.model_registry import ModelVersion, RegisteredModel

from foretell.errors import TrackingError
from foretell.loading import CANDIDATE, CHAMPION
from models.registry.connection import readable
from models.registry.runs import model_name
from models.registry.store import Store

EVENT, CLAIM = "foretell.event.", "foretell.claim"
CLAIM_SECONDS = 600.0  # an older claim was left by a mover that died
SETTLE_SECONDS = 0.5  # a claim written at the same time as ours is visible after this


@dataclass(frozen=True)
class Event:
    """One move of the champion: `action` promote or rollback; versions are numbers as text, "" = none; `failed` the
    gates that a forced promotion did not pass."""

    action: str
    before: str
    after: str
    time: str
    by: str
    reason: str = ""
    failed: tuple[str, ...] = ()


def events(store: Store, name: str) -> list[Event]:
    """Every move of a registered model's champion, oldest first."""
    tags = _model(store, name).tags
    stored = sorted((key, value) for key, value in tags.items() if key.startswith(EVENT))
    decoded = [json.loads(value) for _, value in stored]
    return [Event(**{**event, "failed": tuple(event["failed"])}) for event in decoded]


def previous(moves: Sequence[Event]) -> str:
    """The champion before the present one ("" when there was none): promotions stack, a rollback takes one off."""
    stack = [""]
    for move in moves:
        if move.action == "promote":
            stack.append(move.after)
        elif len(stack) > 1:
            stack.pop()
    return stack[-2] if len(stack) > 1 else ""


def move(store: Store, name: str, event: Event) -> None:
    """Make `event` happen: check that the champion is still `event.before`, move the alias, write the event, and read
    back. Raises TrackingError when somebody else moved it."""
    current = champion(store, name)
    if current != event.before:
        raise TrackingError(
            f"{name}: the champion is {_shown(current)} and no longer {_shown(event.before)}: somebody else moved it "
            "while the gates were checked; look at `foretell history` and start again"
        )
    _set(store, name, event.after)
    with readable(store.uri):
        count = sum(key.startswith(EVENT) for key in _model(store, name).tags)
        store.client.set_registered_model_tag(name, f"{EVENT}{count:05d}", json.dumps(asdict(event)))
        if event.after and event.reason:
            store.client.set_model_version_tag(name, event.after, f"foretell.{event.action}.reason", event.reason)
    now = champion(store, name)
    if now != event.after:
        raise TrackingError(f"{name}: {_shown(now)} was made champion at the same time and stays it")


def undo(store: Store, name: str, event: Event) -> None:
    """Take back a move that was just made, as if it had not been."""
    _set(store, name, event.before)
    with readable(store.uri):
        written = json.dumps(asdict(event))
        for key, value in _model(store, name).tags.items():
            if key.startswith(EVENT) and value == written:
                store.client.delete_registered_model_tag(name, key)


def champion(store: Store, name: str) -> str:
    """The champion's version number, "" when there is none."""
    version = store.alias(name, CHAMPION)
    return str(version.version) if version else ""


@dataclass(frozen=True)
class AliasedVersion:
    """A registered version and its aliases (champion, candidate)."""

    version: ModelVersion
    aliases: tuple[str, ...]

    @property
    def number(self) -> str:
        """The version's number."""
        return str(self.version.version)


def aliased_versions(store: Store, benchmark: str) -> list[AliasedVersion]:
    """A benchmark's champion and its candidate, each version once with all its aliases; the first one answers. Empty
    when nothing is registered."""
    versions: dict[str, AliasedVersion] = {}
    for alias in (CHAMPION, CANDIDATE):
        version = store.alias(model_name(benchmark), alias)
        if version is not None:
            known = versions.get(str(version.version), AliasedVersion(version, ()))
            versions[str(version.version)] = replace(known, aliases=(*known.aliases, alias))
    return list(versions.values())


def answering_version(store: Store, benchmark: str) -> AliasedVersion | None:
    """The version that answers for a benchmark: its champion, or its candidate where there is no champion yet; None
    when nothing is registered."""
    return next(iter(aliased_versions(store, benchmark)), None)


def stamp() -> tuple[str, str]:
    """(time in UTC, who): for an event."""
    who = os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser()
    return datetime.now(UTC).isoformat(timespec="seconds"), who


@contextlib.contextmanager
def claimed(store: Store, names: Sequence[str]) -> Iterator[None]:
    """Hold the right to move these models' champions. Raises TrackingError naming who holds it already."""
    token, held = f"{uuid.uuid4().hex} {stamp()[1]}", []
    try:
        for name in sorted(names):
            _refuse_other(store, name, token)
            with readable(store.uri):
                store.client.set_registered_model_tag(name, CLAIM, f"{time.time():.0f} {token}")
            held.append(name)
        time.sleep(SETTLE_SECONDS)
        for name in held:
            _refuse_other(store, name, token)
        yield
    finally:
        for name in held:
            with readable(store.uri):
                if token in _model(store, name).tags.get(CLAIM, ""):
                    store.client.delete_registered_model_tag(name, CLAIM)


def _refuse_other(store: Store, name: str, token: str) -> None:
    claim = _model(store, name).tags.get(CLAIM, "")
    if not claim or token in claim:
        return
    since, _, who = claim.partition(" ")
    age = time.time() - float(since)
    if age < CLAIM_SECONDS:
        raise TrackingError(
            f"{name}: {who.split(' ', 1)[-1]} is promoting it at this moment (since {age:.0f} s); one promotion at a "
            f"time. A claim left by a promotion that died ends after {CLAIM_SECONDS / 60:.0f} minutes"
        )


def _set(store: Store, name: str, version: str) -> None:
    if version:
        store.move_alias(name, CHAMPION, version)
    elif champion(store, name):
        store.drop_alias(name, CHAMPION)


def _model(store: Store, name: str) -> RegisteredModel:
    with readable(store.uri):
        return store.client.get_registered_model(name)


def _shown(version: str) -> str:
    return f"version {version}" if version else "nobody"
