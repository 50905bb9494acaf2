"""The `planner` program that tests compare with: `$PLANNER_PROGRAM`, or the one built in `target/`."""

import json
import os
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def program() -> str | None:
    """The program's path, if there is one."""
    built = [ROOT / "target" / profile / "planner" for profile in ("release", "debug")]
    found = [path for path in (os.environ.get("PLANNER_PROGRAM"), *built) if path and Path(path).exists()]
    return str(found[0]) if found else None


def run(*arguments: str) -> str:
    """What the program prints for `arguments`; fails with its message."""
    done = subprocess.run([program(), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Server:
    """`planner serve` of a generator alone."""

    def __init__(self, folder: Path, *arguments: str):
        path = folder / "socket"
        command = [program(), "serve", "--optimizer", "none", "--socket", str(path), *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.connection = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.connection.connect(str(path))
                break
            except OSError:
                assert self.process.poll() is None, self.process.stderr.read()
                assert time.monotonic() < deadline, "the server does not listen"
                time.sleep(0.02)
        self.file = self.connection.makefile("rw")
        self.hello = json.loads(self.file.readline())

    def ask(self, **request) -> dict:
        self.file.write(json.dumps(request) + "\n")
        self.file.flush()
        answer = json.loads(self.file.readline())
        assert "error" not in answer, answer
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()
        self.process.terminate()
        self.process.wait()
