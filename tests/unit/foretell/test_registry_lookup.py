"""Which registered version answers, read without MLflow: it says what MLflow says, and sees a promotion at once."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from registered import DESIGN, ROOT, save_predictor

import foretell
from foretell.errors import TrackingError
from foretell.loading import all_registered, registered_versions
from foretell.registry.lookup import aliased_versions, registered_names
from foretell.registry.version import NotReadableError
from models.task import Task

NAME = "foretell-lambada_0shot"
ALIASES = ("champion", "candidate")
MAKE = """
import sys
from mlflow import MlflowClient
uri, first, second = sys.argv[1:]
client = MlflowClient(uri, registry_uri=uri)
for name in ("foretell-lambada_0shot", "foretell-xnli_0shot", "another"):
    client.create_registered_model(name)
for folder in (first, second):
    client.create_model_version("foretell-lambada_0shot", folder, tags={"data.version": folder[-5:]})
client.set_registered_model_alias("foretell-lambada_0shot", "candidate", "1")
"""
ALIAS = """
import sys
from mlflow import MlflowClient
client = MlflowClient(sys.argv[1], registry_uri=sys.argv[1])
client.set_registered_model_alias("foretell-lambada_0shot", sys.argv[2], sys.argv[3])
"""


def run(code: str, *words: str) -> None:
    subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True, timeout=120)


@pytest.fixture(scope="module")
def store(small_task: Task, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store made by MLflow: two versions of one predictor, their files beside it, version 1 the candidate."""
    base = tmp_path_factory.mktemp("lookup")
    folders = [base / "first", base / "other"]
    for folder in folders:
        save_predictor(folder / "deep", small_task)
    address = f"sqlite:///{base / 'mlflow.db'}"
    run(MAKE, address, *(folder.as_uri() for folder in folders))
    return address


def test_it_reads_a_local_store_and_sees_a_promotion_at_once(store: str) -> None:
    found = aliased_versions(store, [NAME, "foretell-xnli_0shot", "foretell-unknown"], ALIASES)
    assert list(found) == [NAME]
    assert (found[NAME].number, found[NAME].alias, found[NAME].tags) == ("1", "candidate", {"data.version": "first"})
    before = foretell.load_predictor("lambada_0shot", store=store)
    run(ALIAS, store, "champion", "2")
    assert aliased_versions(store, [NAME], ALIASES)[NAME].number == "2"
    assert aliased_versions(store, [NAME], ("candidate",))[NAME].number == "1"
    after = foretell.load_predictor("lambada_0shot", store=store)
    assert "version 1 (candidate)" in before.origin
    assert "version 2 (champion)" in after.origin
    assert before.predict(DESIGN).score == after.predict(DESIGN).score
    assert registered_names(store, "foretell-") == [NAME, "foretell-xnli_0shot"]
    assert all_registered(store) == ["lambada_0shot", "xnli_0shot"]
    for panel in (foretell.load_predictors(store=store), foretell.load_predictors(["lambada_0shot"], store=store)):
        assert [predictor.origin for predictor in panel.values()] == [after.origin]


def test_an_answer_from_a_local_store_needs_no_mlflow(store: str) -> None:
    code = f"""
import sys, foretell
predictor = foretell.load_predictor("lambada_0shot", store={store!r})
predictor.predict({DESIGN!r})
print([name for name in ("mlflow", "sqlalchemy", "requests", "numba") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "[]\n"


def test_what_is_not_registered_is_said(store: str) -> None:
    with pytest.raises(
        TrackingError, match=r"no folder with .* and there is no champion or candidate of foretell-xnli"
    ):
        foretell.load_predictor("xnli_0shot", store=store)
    with pytest.raises(TrackingError, match="there is no best of foretell-lambada"):
        foretell.load_predictor("lambada_0shot", store=store, version="best")


@pytest.mark.parametrize("damage", ["absent", "empty", "text"])
def test_a_local_store_that_cannot_be_read_is_left_to_mlflow(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "mlflow.db"
    if damage != "absent":
        path.write_text("" if damage == "empty" else "no database" * 1000)
    with pytest.raises(NotReadableError):
        aliased_versions(f"sqlite:///{path}", [NAME], ALIASES)
    with pytest.raises(NotReadableError):
        registered_names(f"sqlite:///{path}", "foretell-")


def test_another_kind_of_store_is_left_to_mlflow() -> None:
    with pytest.raises(NotReadableError, match="postgresql"):
        aliased_versions("postgresql://user:word@host/db", [NAME], ALIASES)


VERSIONS = {("foretell-a", "champion"): "7", ("foretell-a", "candidate"): "8", ("foretell-b", "candidate"): "1"}


class Server(BaseHTTPRequestHandler):
    """The two calls of MLflow's REST interface that are needed, for a user called `user` with the password `word`."""

    seen: ClassVar[list[str]] = []
    page = "json"

    def do_GET(self) -> None:
        Server.seen.append(self.headers.get("Authorization", ""))
        asked = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        number = VERSIONS.get((asked.get("name", ""), asked.get("alias", "")))
        if Server.page == "html":
            self._answer(200, b"<html>sign in</html>")
        elif Server.page == "refused":
            self._answer(401, b"{}")
        elif "search" in self.path:
            more = {"next_page_token": "more"} if "page_token" not in asked else {}
            model = {"name": "foretell-a" if more else "foretell-b"}
            self._answer(200, json.dumps({"registered_models": [model], **more}).encode())
        elif number is None:
            self._answer(404, json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST"}).encode())
        else:
            version = {"name": asked["name"], "version": number, "source": "models:/m-1", "tags": [{"key": "k"}]}
            self._answer(200, json.dumps({"model_version": version}).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    Server.seen, Server.page = [], "json"
    with HTTPServer(("127.0.0.1", 0), Server) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def test_a_server_is_asked_for_the_first_alias_there_is(server: str) -> None:
    found = aliased_versions(f"http://{server}/", ["foretell-b", "foretell-c", "foretell-a"], ALIASES)
    assert {name: (version.number, version.alias) for name, version in found.items()} == {
        "foretell-b": ("1", "candidate"),
        "foretell-a": ("7", "champion"),
    }
    assert found["foretell-a"].tags == {"k": ""}
    assert registered_names(f"http://{server}", "foretell-") == ["foretell-a", "foretell-b"]
    assert set(Server.seen) == {""}


def test_a_server_is_told_who_asks(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t")
    aliased_versions(f"http://{server}", ["foretell-a"], ALIASES)
    aliased_versions(f"http://user:w%3Ard@{server}", ["foretell-a"], ALIASES)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "other")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "word")
    aliased_versions(f"http://user:w%3Ard@{server}", ["foretell-a"], ALIASES)
    basic = [base64.b64encode(text).decode() for text in (b"user:w:rd", b"other:word")]
    assert Server.seen == ["Bearer t", *(f"Basic {text}" for text in basic)]


@pytest.mark.parametrize("page", ["html", "refused"])
def test_a_server_that_answers_otherwise_is_left_to_mlflow(server: str, page: str) -> None:
    Server.page = page
    with pytest.raises(NotReadableError):
        aliased_versions(f"http://{server}", ["foretell-a"], ALIASES)


def test_a_server_that_is_down_or_special_is_left_to_mlflow(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotReadableError):
        aliased_versions("http://127.0.0.1:9", ["foretell-a"], ALIASES)
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    with pytest.raises(NotReadableError, match="INSECURE_TLS"):
        aliased_versions(f"http://{server}", ["foretell-a"], ALIASES)


def test_a_version_on_a_server_is_fetched_once_and_a_promotion_is_fetched_too(
    server: str, small_task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_predictor(tmp_path / "stored", small_task)
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(VERSIONS, ("foretell-a", "champion"), "7")
    fetched = []

    class Artifacts:
        @staticmethod
        def download_artifacts(artifact_uri: str, tracking_uri: str, dst_path: str) -> str:
            fetched.append(artifact_uri)
            save_predictor(Path(dst_path) / "predictor", small_task)
            return dst_path

    class MadeUpMlflow:
        artifacts = Artifacts
        MlflowException = RuntimeError

    monkeypatch.setattr("foretell.loading._mlflow", lambda: MadeUpMlflow)
    monkeypatch.setattr("foretell.loading._client", lambda address: None)
    monkeypatch.setattr("foretell.loading._files_of_version", lambda client, name, number: (f"{name}/{number}", ""))
    address = f"http://{server}"
    for _ in range(2):
        assert "version 7 (champion)" in foretell.load_predictor("a", store=address).origin
    monkeypatch.setitem(VERSIONS, ("foretell-a", "champion"), "8")  # promoted between two calls
    assert "version 8 (champion)" in foretell.load_predictor("a", store=address).origin
    assert fetched == ["foretell-a/7", "foretell-a/8"]
    assert registered_versions(address, ["a", "zzz"])["a"].number == "8"
