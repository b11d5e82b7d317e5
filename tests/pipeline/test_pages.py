"""MLflow's pages in a real browser: the run table, the compare view and the registry say what a reader needs. The
screenshots go to tests/screenshots/ (not in git)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from clone import reproduced_clone  # noqa: F401 - the fixture
from servers import free_port
from team import program, wait_for

pytestmark = pytest.mark.slow
SHOTS = Path(__file__).resolve().parents[1] / "screenshots"
ASSISTANT = "[data-component-id='mlflow.assistant.chat_panel.close']"
RUNS = ("lambada_0shot/scale_only", "lambada_0shot/selected_design")


@pytest.fixture(scope="module")
def pages(reproduced: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of `foretell ui` on the reproduced workspace's store."""
    port, log = free_port(), tmp_path_factory.mktemp("pages") / "log"
    environment = {**os.environ, "PYTHONPATH": str(reproduced)}
    environment |= {"MLFLOW_TRACKING_URI": f"sqlite:///{reproduced / 'mlflow.db'}"}
    command = [sys.executable, "-m", "pipelines.cli", "ui", "--port", str(port)]
    with program(command, environment, log) as process:
        wait_for(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}", reproduced


def test_runs_compare_and_registry_can_be_read(pages: tuple[str, Path]) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    address, workspace = pages
    look = (
        "from models.registry.store import Store; s = Store(); "
        f"print(s.experiment_id, *[s.run(name).info.run_id for name in {RUNS!r}])"
    )
    environment = {**os.environ, "PYTHONPATH": str(workspace)}
    environment |= {"MLFLOW_TRACKING_URI": f"sqlite:///{workspace / 'mlflow.db'}"}
    found = subprocess.run([sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=True)
    experiment, *ids = found.stdout.split()
    SHOTS.mkdir(exist_ok=True)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(60_000)
        page.goto(f"{address}/#/experiments/{experiment}/runs?viewStateShareKey=foretell")
        page.get_by_text(RUNS[1], exact=True).first.wait_for()
        if (assistant := page.locator(ASSISTANT)).count():  # MLflow's own panel, in the way of the table
            assistant.first.click()
        for column in ("mae_mean", "improvement_pct", "family_mae", "coverage", "benchmark", "predictor"):
            page.get_by_role("columnheader").filter(has_text=column).first.wait_for()
        page.screenshot(path=SHOTS / "runs.png")
        quoted = "%22,%22".join(ids)
        page.set_viewport_size({"width": 1600, "height": 2200})
        page.goto(f"{address}/#/compare-runs?runs=[%22{quoted}%22]&experiments=[%22{experiment}%22]")
        page.get_by_text("Comparing 2 Runs").first.wait_for()
        page.get_by_text("improvement_pct").first.wait_for()
        page.screenshot(path=SHOTS / "compare.png")
        page.set_viewport_size({"width": 1600, "height": 1000})
        page.goto(f"{address}/#/experiments/{experiment}/runs/{ids[1]}")
        page.get_by_text("Mean absolute error").first.wait_for()
        page.screenshot(path=SHOTS / "run.png")
        page.goto(f"{address}/#/models/foretell-lambada_0shot")
        page.get_by_text("Version 1").first.wait_for()
        page.get_by_text("candidate").first.wait_for()
        page.screenshot(path=SHOTS / "registry.png")
        browser.close()
    assert all((SHOTS / f"{name}.png").stat().st_size > 10_000 for name in ("runs", "compare", "run", "registry"))
