"""Asks an OpenAI-compatible chat endpoint short questions, safely and cheaply: temperature 0, retries with backoff, an
estimate of the cost before the first question, and every answer written to a cache before it is used, so that a crash
costs nothing twice."""

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.errors import ConfigError, DataError
from lms.tag_settings import EndpointSettings

RETRIED_STATUSES = (408, 409, 429, 500, 502, 503, 504, 529)
BYTES_PER_TOKEN = 3
"""English prose has four to five bytes a token and Chinese about three: three keeps the estimate on the high side."""


@dataclass(frozen=True)
class Question:
    """A system prompt and the text it is asked about."""

    prompt: str
    text: str

    def key(self, model: str) -> str:
        """Hash of everything that decides the answer: model, prompt, text."""
        return hashlib.sha256(json.dumps([model, self.prompt, self.text]).encode()).hexdigest()


@dataclass(frozen=True)
class CostEstimate:
    """Upper bound of what is still to be paid: questions, tokens in and out, US dollars."""

    questions: int
    input_tokens: int
    output_tokens: int
    usd: float

    def __str__(self) -> str:
        return (
            f"at most {self.questions:,} questions, about {self.input_tokens:,} tokens in "
            f"and {self.output_tokens:,} out, {self.usd:.2f} USD"
        )


class AnswerCache:
    """Answers by key in one SQLite file. An answer is on the disk before `put` returns; threads may share a cache."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=60)
        try:
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS answers "
                "(key TEXT PRIMARY KEY, answer TEXT NOT NULL, input_tokens INTEGER, output_tokens INTEGER)"
            )
        except sqlite3.DatabaseError as e:
            raise DataError(f"answer cache {path} is not an SQLite file ({e}); move it away, a new one is made") from e

    def get(self, key: str) -> str | None:
        """The answer, or None where it was never given."""
        with self._lock:
            row = self._connection.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, key: str, answer: str, input_tokens: int | None, output_tokens: int | None) -> None:
        """Keeps the first answer given for a key."""
        with self._lock:
            self._connection.execute(
                "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)", (key, answer, input_tokens, output_tokens)
            )

    def paid_tokens(self) -> tuple[int, int]:
        """Tokens in and out of all cached answers, as the endpoint reported them."""
        with self._lock:
            row = self._connection.execute("SELECT SUM(input_tokens), SUM(output_tokens) FROM answers").fetchone()
        return int(row[0] or 0), int(row[1] or 0)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()


class Endpoint:
    """A chat endpoint with its cache."""

    def __init__(self, settings: EndpointSettings, cache: AnswerCache) -> None:
        import urllib3

        if not settings.url.startswith(("http://", "https://")):
            raise ConfigError(f"endpoint url {settings.url!r} must begin with https:// or http://")
        self.settings = settings
        self.cache = cache
        self._http = urllib3.PoolManager(
            maxsize=16,
            timeout=urllib3.Timeout(total=settings.timeout_seconds),
            retries=urllib3.Retry(
                total=settings.max_retries,
                redirect=0,
                status_forcelist=RETRIED_STATUSES,
                allowed_methods=None,
                backoff_factor=settings.backoff_seconds,
                backoff_max=60,
                backoff_jitter=settings.backoff_seconds / 2,
                retry_after_max=120,
                raise_on_status=False,
            ),
        )

    def estimate(self, questions: Iterable[Question]) -> CostEstimate:
        """Upper bound of the cost of the questions that are not in the cache."""
        count = tokens_in = 0
        for question in questions:
            if self.cache.get(question.key(self.settings.model)) is None:
                count += 1
                tokens_in += len((question.prompt + question.text).encode()) // BYTES_PER_TOKEN + 16
        tokens_out = count * self.settings.max_answer_tokens
        usd = tokens_in * self.settings.usd_per_million_input_tokens / 1e6
        usd += tokens_out * self.settings.usd_per_million_output_tokens / 1e6
        return CostEstimate(count, tokens_in, tokens_out, usd)

    def check_budget(self, estimate: CostEstimate) -> None:
        """Raises ConfigError where the estimate is over the budget."""
        if estimate.usd > self.settings.max_cost_usd:
            raise ConfigError(
                f"classifying would cost {estimate}, over the budget of {self.settings.max_cost_usd:.2f} USD; "
                "raise tag.domains.max_cost_usd in params.yaml, or tag fewer generations"
            )

    def ask(self, question: Question) -> str:
        """The endpoint's reply, from the cache where it was given before. Raises ConfigError where the endpoint refuses
        (bad key, unknown model) or stays unreachable after all tries, and DataError where its reply is not of the
        chat protocol. What was answered until then is in the cache."""
        key = question.key(self.settings.model)
        cached = self.cache.get(key)
        if cached is not None:
            return cached
        reply = self._post(question)
        try:
            answer = reply["choices"][0]["message"]["content"]
            usage = reply.get("usage") or {}
            spent = usage.get("prompt_tokens"), usage.get("completion_tokens")
        except (KeyError, IndexError, TypeError, AttributeError) as e:
            raise DataError(f"{self.settings.url}: reply without choices[0].message.content: {str(reply)[:200]}") from e
        answer = answer if isinstance(answer, str) else ""
        self.cache.put(key, answer, *spent)
        return answer

    def _post(self, question: Question) -> Any:
        import urllib3

        body = {
            "model": self.settings.model,
            "temperature": 0,
            "max_tokens": self.settings.max_answer_tokens,
            "messages": [
                {"role": "system", "content": question.prompt},
                {"role": "user", "content": question.text},
            ],
        }
        api_key = os.environ.get(self.settings.api_key_env, "")
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        url = f"{self.settings.url.rstrip('/')}/chat/completions"
        try:
            response = self._http.request("POST", url, json=body, headers=headers)
        except urllib3.exceptions.HTTPError as e:
            raise ConfigError(
                f"{url} did not answer after {self.settings.max_retries + 1} tries ({type(e).__name__}). "
                "Answers so far are kept: run the same command again when it is back"
            ) from e
        if response.status != 200:
            detail = " ".join(response.data.decode("utf-8", "replace").split())[:200]
            raise ConfigError(
                f"{url} answered {response.status}: {detail}. Check the model's name and the key in "
                f"${self.settings.api_key_env}; answers so far are kept"
            )
        try:
            return json.loads(response.data)
        except ValueError as e:
            raise DataError(f"{url} replied with something that is not JSON: {response.data[:200]!r}") from e
