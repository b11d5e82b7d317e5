"""kill -9 in the middle of a write: the file is the old one or the new one, whole, whenever the process dies."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

WRITER = """
import sys
from pathlib import Path
from pipelines.files import write_text
path, turn = Path(sys.argv[1]), 0
print("ready", flush=True)
while True:
    turn += 1
    write_text(path, f"begin {turn}\\n" + "x" * 2_000_000 + f"\\nend {turn}\\n")
"""


@pytest.mark.slow
def test_a_killed_write_leaves_a_whole_file(tmp_path: Path, environment: dict[str, str]) -> None:
    path = tmp_path / "out" / "table.txt"
    rng = random.Random(0)
    for _ in range(6):
        command = [sys.executable, "-c", WRITER, str(path)]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, cwd=tmp_path)
        assert process.stdout is not None
        process.stdout.readline()
        while not path.exists():
            time.sleep(0.01)
        time.sleep(rng.uniform(0.0, 0.1))
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
        first, body, last = path.read_text().splitlines()
        assert first.split()[1] == last.split()[1]
        assert len(body) == 2_000_000
    litter = [item.name for item in path.parent.iterdir() if item != path]
    assert all(name.startswith(".table.txt.") and name.endswith(".tmp") for name in litter)  # git ignores *.tmp


HOLDER = """
import time
from pipelines.stage import stage_lock
with stage_lock("tabulate"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_dead_process_does_not_keep_its_lock(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from foretell.errors import ConfigError
    from pipelines.stage import stage_lock

    monkeypatch.chdir(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", HOLDER], env=environment, stdout=subprocess.PIPE, cwd=tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    try:
        with pytest.raises(ConfigError, match="has been running elsewhere"), stage_lock("tabulate", 0.2):
            pytest.fail("two processes hold one lock")
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
    with stage_lock("tabulate", 5):
        pass
