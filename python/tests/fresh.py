#!/usr/bin/env python3
"""A new user's way: a fresh virtual environment, the wheel built and installed, the notebook run from top to bottom.

    python3 python/tests/fresh.py            some minutes, without what pip downloads

With `--torch` the wheel uses the packages torch and mujoco, not the libraries that `make setup` fetched.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=900).execute()
print(sum(cell["cell_type"] == "code" for cell in notebook.cells), "cells ran")
"""


def step(name, *command, **more):
    begun = time.monotonic()
    subprocess.run([str(word) for word in command], check=True, cwd=ROOT, **more)
    print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        python = Path(place, "bin", "python")
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        lists = ["test.txt", "torch.txt"] if args.torch else ["test.txt"]
        for name in lists:
            pinned = ROOT / "python" / "requirements" / name
            step(f"packages of {name}", *pip, "--no-deps", "--require-hashes", "--only-binary=:all:", "-r", pinned)
        if args.torch:
            step("stubs of CUDA", python, ROOT / "python" / "requirements" / "gpu_stubs.py")
        step("wheel", sys.executable, ROOT / "python" / "make.py", "wheel", stdout=subprocess.DEVNULL)
        wheel = next((ROOT / "target" / "wheels").glob("*.whl"))
        step("install", *pip, "--no-deps", wheel)
        environment = {**os.environ, "MUJOCO_GL": "egl", "JUPYTER_PLATFORM_DIRS": "1"}
        notebook = ROOT / "examples" / "python" / "tour.ipynb"
        step("notebook", python, "-c", RUN, notebook, env=environment)


if __name__ == "__main__":
    main()
