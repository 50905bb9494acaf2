#!/usr/bin/env python3
"""Build, install and test the Python package.

usage: make.py wheel     build the wheel into target/wheels
       make.py install   build it and install it in the cached environment, with what examples and tests need
       make.py torch     add PyTorch and ONNX to that environment, for `planner export` and the tests of both
       make.py test      run the package's tests on the module as `cargo test` builds it. Where there is no environment
                         they are left out with a line; if CI is set, all that is needed is made first
       make.py path      print the Python of the cached environment
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
REQUIREMENTS = HERE / "requirements" / "test.txt"
TORCH = HERE / "requirements" / "torch.txt"
MODULE = HERE / "imle_planner" / "_native.abi3.so"


def environment() -> Path:
    """Folder of the environment: another for every list of packages and version of Python."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    key = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    return Path(base) / "planner" / "python" / key


def run(*command: object, **options: object) -> None:
    """Run a command; end with its exit status if it fails."""
    status = subprocess.run([str(word) for word in command], cwd=ROOT, **options).returncode
    if status:
        sys.exit(status)


def packages(python: Path, pinned: Path) -> None:
    """Install the packages of a pinned list."""
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--require-hashes",
        "--only-binary=:all:", "-r", pinned)


def made() -> Path:
    """The environment's Python; the environment is made where it is missing, whole or not at all."""
    folder = environment()
    if not folder.exists():
        if sys.version_info < (3, 10):
            sys.exit(f"make.py: expected Python 3.10 or later, found {sys.version.split()[0]}")
        print(f"making a Python environment with the packages of {REQUIREMENTS.relative_to(ROOT)} ...", flush=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder.parent))
        try:
            venv.create(scratch, with_pip=True)
            packages(scratch / "bin" / "python", REQUIREMENTS)
            scratch.rename(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder / "bin" / "python"


def wheel(python: Path) -> Path:
    """Build the wheel; returns it."""
    target = ROOT / "target" / "wheels"
    shutil.rmtree(target, ignore_errors=True)
    run(python, "-m", "maturin", "build", "--release", "--locked", "-q", "-m", HERE / "Cargo.toml", "-o", target)
    return next(target.glob("*.whl"))


def install() -> None:
    """Install the wheel in the environment."""
    python = made()
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--force-reinstall",
        wheel(python))
    # Where the program looks for it.
    link = environment().parent / "current"
    fresh = link.with_name(f".writing-{os.getpid()}")
    fresh.symlink_to(environment().name)
    fresh.replace(link)
    run(python, "-c", "import imle_planner; print('imle_planner', imle_planner.__version__, 'in', __import__('sys').prefix)")


def torch() -> None:
    """Add PyTorch, whole or not at all."""
    python, done = made(), environment() / "torch-ready"
    if done.exists() and done.read_bytes() == TORCH.read_bytes():
        return
    packages(python, TORCH)
    # The wheel on PyPI wants CUDA's libraries even where there is no GPU.
    run(python, HERE / "requirements" / "gpu_stubs.py")
    shutil.copyfile(TORCH, done)


def test(arguments: list[str]) -> None:
    """Run the tests."""
    required = bool(os.environ.get("CI"))
    if not required and not environment().exists():
        print("python tests left out: no environment for them yet (make python makes it)")
        return
    python = made()
    if required:
        torch()
    # The same packages and features as `cargo test --workspace`, so that nothing is compiled again.
    run("cargo", "build", "--workspace", "--all-targets", "--locked", "-q")
    shutil.copyfile(ROOT / "target" / "debug" / "lib_native.so", MODULE)
    try:
        run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs", HERE / "tests", *arguments,
            env={**os.environ, "PYTHONPATH": str(HERE), "PLANNER_PROGRAM": str(ROOT / "target" / "debug" / "planner")})
    finally:
        MODULE.unlink(missing_ok=True)


def main() -> None:
    match sys.argv[1:]:
        case ["wheel"]:
            print(wheel(made()))
        case ["install"]:
            install()
        case ["torch"]:
            torch()
        case ["test", *arguments]:
            test(arguments)
        case ["path"]:
            print(made())
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
