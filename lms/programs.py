"""Whether a program written by a language model passes its tests. The program runs in a process of its own with
limits on time, memory and file size, in an empty folder, without this process's environment. That contains accidents,
not malice: it is no sandbox, which is why nothing runs unless a person has said so (`score.run_generated_code`), best
inside a container without network."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NOT_ALLOWED = (
    "generated programs were not run: set score.run_generated_code to true in params.yaml to run them on this machine "
    "(in a container without network, better)"
)

# Limits are set inside the child, before the program is even parsed.
_RUNNER = """
import resource, sys
seconds, memory = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
program = sys.stdin.read()
exec(compile(program, "program", "exec"), {"__name__": "program"})
# Reached only if no test failed and the program did not leave early by sys.exit.
sys.stdout.flush()
with open("passed", "w") as file:
    file.write("passed")
"""


def passes(program: str, seconds: float = 10.0, memory_bytes: int = 2 << 30) -> tuple[bool, str]:
    """Run `program`; (True, "") if it ran to its end without an exception, else (False, why in a few words)."""
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _RUNNER, str(int(seconds) + 1), str(memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={"PATH": "/usr/bin:/bin"},
            start_new_session=True,
        )
        try:
            child.communicate(program.encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            return False, f"ran longer than {seconds:g} s"
        finally:
            # The whole group: a program may have left children behind.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        passed = Path(folder, "passed").is_file()
        return (True, "") if child.returncode == 0 and passed else (False, f"exit status {child.returncode}")


def humaneval_program(doc: Mapping[str, Any], completion: str) -> str:
    """The problem's prompt, the completion, its tests and the call that runs them."""
    return f"{doc['prompt']}{completion}\n{doc['test']}\ncheck({doc['entry_point']})\n"


def pass_at_1(samples: Sequence[Mapping[str, Any]], seconds: float = 10.0) -> list[tuple[bool, str]]:
    """For each logged HumanEval sample (`doc`, `filtered_resps`: its one completion): did the program pass, and if
    not, why."""
    return [passes(humaneval_program(sample["doc"], str(sample["filtered_resps"][0])), seconds) for sample in samples]
