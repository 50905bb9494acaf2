#!/usr/bin/env python3
"""A virtual environment with LeRobot, its plug-ins for imle_planner, and the wheel: pinned, checked by hash.

    python3 python/lerobot/environment.py FOLDER --wheel target/wheels/imle_planner-….whl
    FOLDER/bin/lerobot-eval --policy.path=runs/policy --env.type=imle --env.task=stack

LeRobot needs Python 3.12: that of `$PLANNER_PYTHON312`, else `python3.12` on the PATH, else pyenv's. The environment
has PyTorch's part for processors (2.5 GB); on a machine with a GPU install the rest by `pip install torch==2.11.0`.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE.parent / "requirements" / "lerobot.txt"
PLUGINS = ("lerobot_policy_imle", "lerobot_env_imle")


def python312() -> str | None:
    """A Python 3.12, if there is one."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [os.environ.get("PLANNER_PYTHON312"), shutil.which("python3.12")]
    candidates += sorted(map(str, pyenv.glob("3.12*/bin/python3.12")), reverse=True)
    for candidate in filter(None, candidates):
        check = "import sys; sys.exit(sys.version_info[:2] != (3, 12))"
        if shutil.which(candidate) and subprocess.run([candidate, "-c", check], capture_output=True).returncode == 0:
            return candidate
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of the environment; made if it is not there")
    parser.add_argument(
        "--wheel",
        type=Path,
        help="wheel of imle_planner (make wheel); without it the one of PyPI's name "
        "is not looked for, and only PyTorch acts",
    )
    arguments = parser.parse_args()
    base = python312()
    if base is None:
        print(
            "error: LeRobot needs Python 3.12, found none: install it, or name one in $PLANNER_PYTHON312",
            file=sys.stderr,
        )
        return 2
    if arguments.wheel and not arguments.wheel.exists():
        print(f"error: {arguments.wheel}: expected a wheel (make wheel), found none", file=sys.stderr)
        return 2
    python = arguments.folder / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([base, "-m", "venv", arguments.folder], check=True)
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--require-hashes", "-r", REQUIREMENTS], check=True)
        subprocess.run([sys.executable, REQUIREMENTS.parent / "gpu_stubs.py", python], check=True)
        if arguments.wheel:
            subprocess.run([*pip, "--force-reinstall", arguments.wheel], check=True)
        for plugin in PLUGINS:
            subprocess.run([*pip, "--no-build-isolation", "--force-reinstall", HERE / plugin], check=True)
    except subprocess.CalledProcessError as error:
        print(f"error: {' '.join(map(str, error.cmd[:5]))} … failed with exit code {error.returncode}", file=sys.stderr)
        return 1
    print(f"{arguments.folder}: LeRobot with {', '.join(PLUGINS)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
