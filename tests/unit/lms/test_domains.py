"""Domains by stages, against a local server that fails, is busy, keeps silent and babbles."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from foretell.errors import ConfigError, DataError
from lms.classifier import TextClassifier
from lms.domains import STAGES, EndpointDomains, LocalDomains, prompt, read_answer
from lms.endpoint import AnswerCache, Endpoint, Question
from lms.tag_settings import EndpointSettings

Reply = str | int | float | bytes | dict[str, Any]
"""What the server does with a request: answer with text, with an error status, after so many seconds of silence, or
with a raw body."""


class FakeEndpoint:
    """Requests that came in, and what to do with each: `behave(number of the request, its body)`."""

    def __init__(self, behave: Callable[[int, dict[str, Any]], Reply]) -> None:
        self.behave = behave
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.url = ""
        self.elsewhere = ""


@contextmanager
def fake_endpoint(behave: Callable[[int, dict[str, Any]], Reply]) -> Iterator[FakeEndpoint]:
    """The server on a free port of this machine, for the length of the block."""
    fake = FakeEndpoint(behave)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with fake.lock:
                fake.requests.append(body)
                fake.headers.append(dict(self.headers))
                number = len(fake.requests)
            reply = fake.behave(number, body)
            if isinstance(reply, float):
                time.sleep(reply)
                reply = 500
            status, data = 200, reply if isinstance(reply, bytes) else b"{}"
            if isinstance(reply, int):
                status, data = reply, b'{"error": {"message": "no"}}'
            elif isinstance(reply, dict):
                data = json.dumps(reply).encode()
            elif isinstance(reply, str):
                message = {"choices": [{"message": {"content": reply}}]}
                data = json.dumps({**message, "usage": {"prompt_tokens": 10, "completion_tokens": 1}}).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                if status == 429:
                    self.send_header("Retry-After", "0")
                if status == 307:
                    self.send_header("Location", f"{fake.elsewhere}/chat/completions")
                self.end_headers()
                self.wfile.write(data)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *arguments: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


PROMPTS = {prompt(stage): stage for stage in STAGES}
KINDS = ("incoherent", "code", "web", "books", "reference", "academic", "specialised", "other")
TEXTS = [f"This is a text of the kind {kind}, long enough to be asked about at all." for kind in KINDS]


def well_behaved(number: int, body: dict[str, Any]) -> str:
    """Answers each stage truthfully by the kind that the text names."""
    assert body["temperature"] == 0
    stage = PROMPTS[body["messages"][0]["content"]]
    kind = body["messages"][1]["content"].split("kind ")[1].split(",")[0]
    if stage == "coherent":
        return "Incoherent." if kind == "incoherent" else "coherent"
    if stage == "rest":
        return f'"{kind}"'
    return kind if kind == stage else "other"


def domains(url: str, cache: Path, **settings: Any) -> EndpointDomains:
    arguments = {"timeout_seconds": 5.0, "backoff_seconds": 0.005, "max_retries": 4, "concurrency": 4, **settings}
    return EndpointDomains(Endpoint(EndpointSettings(url=url, model="judge", **arguments), AnswerCache(cache)))


def test_stages_in_order_and_every_label(tmp_path: Path) -> None:
    with fake_endpoint(well_behaved) as server:
        labels = domains(server.url, tmp_path / "c.sqlite").classify([*TEXTS, "short"])
    by_kind = ["specialized" if kind == "specialised" else kind for kind in KINDS]
    assert labels == [*by_kind, "incoherent"]
    asked = Counter(PROMPTS[request["messages"][0]["content"]] for request in server.requests)
    assert asked == {"coherent": 8, "code": 7, "web": 6, "rest": 5}  # settled texts are asked no further


def test_failures_and_busy_answers_are_tried_again(tmp_path: Path) -> None:
    failing: Counter[str] = Counter()

    def flaky(number: int, body: dict[str, Any]) -> str | int:
        key = str(body["messages"])
        failing[key] += 1
        return {1: 500, 2: 429, 3: 503}.get(failing[key]) or well_behaved(number, body)

    with fake_endpoint(flaky) as server:
        labels = domains(server.url, tmp_path / "c.sqlite").classify(TEXTS)
    assert labels[:3] == ["incoherent", "code", "web"]
    assert set(failing.values()) == {4}
    assert len(server.requests) == 4 * 26


def test_silence_times_out_and_is_tried_again(tmp_path: Path) -> None:
    def silent_once(number: int, body: dict[str, Any]) -> str | float:
        return 1.0 if number == 1 else well_behaved(number, body)

    started = time.monotonic()
    with fake_endpoint(silent_once) as server:
        labels = domains(server.url, tmp_path / "c.sqlite", timeout_seconds=0.2).classify(TEXTS[:1])
    assert labels == ["incoherent"]
    assert len(server.requests) == 2
    assert time.monotonic() - started < 3


def test_babble_is_unanswered_never_guessed(tmp_path: Path) -> None:
    replies = iter(["coherent", "I would say this could be code, or else it could be some other thing entirely"])
    with fake_endpoint(lambda number, body: next(replies)) as server:
        assert domains(server.url, tmp_path / "c.sqlite").classify(TEXTS[1:2]) == ["unanswered"]


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("code", "code"),
        (" Code.\n", "code"),
        ('"OTHER"', "other"),
        ("Answer: code", "code"),
        ("code or other", None),
        ("coder", None),
        ("", None),
        ("yes", None),
        ("well " * 9 + "code", None),
    ],
)
def test_reading_answers(reply: str, answer: str | None) -> None:
    assert read_answer(reply, ("code", "other")) == answer


def test_incoherent_is_not_read_as_coherent() -> None:
    assert read_answer("incoherent", tuple(STAGES["coherent"])) == "incoherent"
    assert read_answer("not coherent", ("coherent", "incoherent")) == "coherent"  # not an answer we ask for


def test_a_crash_costs_nothing_twice(tmp_path: Path) -> None:
    cache = tmp_path / "c.sqlite"

    def dies_late(number: int, body: dict[str, Any]) -> str | int:
        return well_behaved(number, body) if number <= 10 else 400

    with fake_endpoint(dies_late) as server, pytest.raises(ConfigError, match="answered 400"):
        domains(server.url, cache, concurrency=1).classify(TEXTS)
    with fake_endpoint(well_behaved) as server:
        classifier = domains(server.url, cache)
        assert classifier.classify(TEXTS)[:2] == ["incoherent", "code"]
        assert len(server.requests) == 26 - 10
        again = classifier.classify(TEXTS)
        assert again == classifier.classify(TEXTS)
        assert len(server.requests) == 26 - 10
        assert classifier.endpoint.cache.paid_tokens() == (260, 26)


def test_kill_minus_nine_repeats_at_most_the_question_in_flight(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from lms.domains import EndpointDomains
        from lms.endpoint import AnswerCache, Endpoint
        from lms.tag_settings import EndpointSettings
        settings = EndpointSettings(url=sys.argv[1], model="judge", concurrency=1)
        EndpointDomains(Endpoint(settings, AnswerCache(Path(sys.argv[2])))).classify(sys.argv[3:])
    """)
    killed = threading.Event()

    def slowly(number: int, body: dict[str, Any]) -> str:
        if number == 8:
            process.kill()
            process.wait()
            killed.set()
        return well_behaved(number, body)

    with fake_endpoint(slowly) as server:
        cache = tmp_path / "c.sqlite"
        process = subprocess.Popen(
            [sys.executable, "-c", script, server.url, str(cache), *TEXTS],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        assert killed.wait(60)
        assert process.returncode == -signal.SIGKILL
        assert domains(server.url, cache, concurrency=1).classify(TEXTS)[:2] == ["incoherent", "code"]
        assert len(server.requests) == 26 + 1  # the eighth question was on its way when the process died


def test_an_answer_is_on_the_disk_before_it_is_used(tmp_path: Path) -> None:
    with fake_endpoint(well_behaved) as server:
        domains(server.url, tmp_path / "c.sqlite").classify(TEXTS[:1])
        rows = sqlite3.connect(tmp_path / "c.sqlite").execute("SELECT answer FROM answers").fetchall()
    assert rows == [("Incoherent.",)]


def test_another_model_prompt_or_text_is_another_question() -> None:
    keys = {
        Question("p", "t").key("m"), Question("p", "t").key("n"), Question("q", "t").key("m"),
        Question("p", "u").key("m"), Question("pt", "").key("m"),
    }  # fmt: skip
    assert len(keys) == 5


def test_cost_is_estimated_and_a_budget_kept_before_the_first_question(tmp_path: Path) -> None:
    with fake_endpoint(well_behaved) as server:
        prices = {"usd_per_million_input_tokens": 1000.0, "usd_per_million_output_tokens": 2000.0}
        dear = domains(server.url, tmp_path / "c.sqlite", max_cost_usd=1.0, **prices)
        estimate = dear.estimate(TEXTS)
        assert estimate.questions == 8 * 4
        assert estimate.output_tokens == 8 * 4 * 8
        assert estimate.usd == pytest.approx(estimate.input_tokens * 1e-3 + estimate.output_tokens * 2e-3)
        with pytest.raises(ConfigError, match=r"over the budget of 1\.00 USD"):
            dear.classify(TEXTS)
        assert server.requests == []
        cheap = domains(server.url, tmp_path / "c.sqlite")
        cheap.classify(TEXTS)
        assert dear.estimate(TEXTS).questions == 32 - 26  # only what is in no cache


def test_an_endpoint_that_is_not_there_is_one_clear_message(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConfigError, match=r"did not answer after 3 tries"):
        domains(f"http://127.0.0.1:{port}/v1", tmp_path / "c.sqlite", max_retries=2).classify(TEXTS)
    with pytest.raises(ConfigError, match="must begin with"):
        domains("ftp://x", tmp_path / "d.sqlite")


@pytest.mark.parametrize("status", [401, 404])
def test_a_refusal_is_not_tried_again(tmp_path: Path, status: int) -> None:
    with fake_endpoint(lambda number, body: status) as server:
        with pytest.raises(ConfigError, match=f"answered {status}"):
            domains(server.url, tmp_path / "c.sqlite").classify(TEXTS[:1])
        assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"<html>proxy</html>", {"choices": []}, {"error": "x"}, b"[]"])
def test_a_reply_outside_the_protocol_is_named(tmp_path: Path, body: Any) -> None:
    with fake_endpoint(lambda number, request: body) as server, pytest.raises(DataError, match="repl"):
        domains(server.url, tmp_path / "c.sqlite").classify(TEXTS[:1])


def test_the_key_comes_from_the_environment_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "secret-key")
    with fake_endpoint(lambda number, body: 403) as server, pytest.raises(ConfigError) as error:
        domains(server.url, tmp_path / "c.sqlite", api_key_env="JUDGE_KEY").classify(TEXTS[:1])
    assert server.headers[0]["Authorization"] == "Bearer secret-key"
    assert "secret-key" not in str(error.value)


def test_neither_key_nor_text_follow_a_redirect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "secret-key")
    with fake_endpoint(well_behaved) as other, fake_endpoint(lambda number, body: 307) as server:
        server.elsewhere = other.url
        with pytest.raises(ConfigError, match="did not answer"):
            domains(server.url, tmp_path / "c.sqlite", api_key_env="JUDGE_KEY").classify(TEXTS[:1])
        assert len(server.requests) == 1
        assert other.requests == []


def test_a_broken_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.sqlite").write_bytes(b"not a database, but long enough to be read as one" * 50)
    with pytest.raises(DataError, match="is not an SQLite file"):
        AnswerCache(tmp_path / "c.sqlite")


def test_label_map_must_cover_the_classifier() -> None:
    classifier = TextClassifier(None, None, ("news", "prose"), "local", 8, 64)
    with pytest.raises(ConfigError, match=r"without an entry \['prose'\]"):
        LocalDomains(classifier, {"news": "web"})
    with pytest.raises(ConfigError, match="novel"):
        LocalDomains(classifier, {"news": "web", "prose": "novel"})
    assert LocalDomains(classifier, {"news": "web", "prose": "books"}).identity == "local (news=web, prose=books)"
