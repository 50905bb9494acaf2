#!/usr/bin/env python3
"""Fetch libtorch and MuJoCo once, into the user's cache folder, and tell cargo where they are.

The libraries come from PyPI wheels pinned by sha256 in requirements.txt beside this file; after this
step no Python is needed to build or run. Clones share the cache; concurrent calls wait for each other.

usage: fetch.py setup   fetch what is missing, write .cargo/native.toml
       fetch.py cuda    the same, and what libtorch needs on an NVIDIA GPU (1.9 GB)
       fetch.py env     print Cargo.toml and .cargo/config.toml of a program that uses the library
"""
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
REQUIREMENTS = HERE / "requirements.txt"
CUDA_REQUIREMENTS = HERE / "requirements-cuda.txt"
CUDA_READY = "cuda-ready"
TORCH_VERSION = "2.11.0"
PLUGINS = "mujoco/plugin"
MUJOCO_LIBRARY = "libmujoco.so.3.17.0"
# pip matches platform tags exactly, so every tag that occurs among the wheels is named.
PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_25_x86_64", "manylinux_2_18_x86_64",
             "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"]
# Part of the cache's key: raised when what is unpacked changes.
LAYOUT = "1"
# What a build and a CPU run need; Python bindings and tests stay out.
KEEP = ("torch/lib/lib", "torch/include/", "nvidia/", "mujoco/libmujoco", "mujoco/include/", "mujoco/plugin/")
DROP = ("torch/lib/libtorch_python",)

# The build script lets the linker note where the libraries are, so that the program finds them.
PACKAGE = f"""[package]
name = "my_controller"
version = "0.1.0"
edition = "2024"
build = "{ROOT}/configs/native_link.rs"

[dependencies]
planner = {{ path = "{ROOT}", default-features = false }}
"""


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    key = hashlib.sha256(REQUIREMENTS.read_bytes() + LAYOUT.encode()).hexdigest()[:12]
    return Path(base) / "planner" / "native" / key


def wanted(name: str) -> bool:
    return name.startswith(KEEP) and not name.startswith(DROP) and not name.endswith("/")


def unpack(requirements: Path, scratch: Path, tree: Path) -> None:
    """Download the wheels that `requirements` pins into `scratch`, and unpack what is wanted of them into `tree`."""
    wheels = scratch / "wheels"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--require-hashes",
               "--only-binary=:all:", "--python-version", "3.11", "--implementation", "cp",
               *(word for tag in PLATFORMS for word in ("--platform", tag)),
               "--disable-pip-version-check", "-q", "-d", str(wheels), "-r", str(requirements)]
    if subprocess.run(command).returncode != 0:
        print(f"fetch.py: pip could not download the wheels named in {requirements.name}", file=sys.stderr)
        sys.exit(1)
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in filter(wanted, archive.namelist()):
                archive.extract(name, tree)


def fetch(target: Path) -> None:
    print("fetching libtorch 2.11.0 and MuJoCo 3.17.0 (590 MB, once) ...", flush=True)
    with scratch_folder(target) as scratch:
        tree = scratch / "tree"
        unpack(REQUIREMENTS, scratch, tree)
        # torch-sys reads the version from a file that the wheel lacks; the linker wants the plain name.
        (tree / "torch" / "build-version").write_text(TORCH_VERSION + "\n")
        (tree / "mujoco" / "libmujoco.so").symlink_to(MUJOCO_LIBRARY)
        os.sync()
        tree.rename(target)


def fetch_plugins(target: Path) -> None:
    """MuJoCo's engine plugins, for a cache folder from before they were unpacked with the rest. Few models need them."""
    print("fetching MuJoCo's engine plugins (26 MB, once) ...", flush=True)
    with scratch_folder(target) as scratch, contextlib.suppress(SystemExit):
        alone = scratch / "requirements.txt"
        lines = REQUIREMENTS.read_text().splitlines(keepends=True)
        alone.write_text("".join(line for line in lines if line.startswith("mujoco==")))
        unpack(alone, scratch, scratch / "tree")
        os.sync()
        (scratch / "tree" / PLUGINS).rename(target / PLUGINS)


def fetch_cuda(target: Path) -> None:
    print("fetching what libtorch needs on an NVIDIA GPU (1.9 GB, once) ...", flush=True)
    with scratch_folder(target) as scratch:
        # Into the tree itself, where libtorch_cuda.so looks; the mark that it is whole comes last.
        unpack(CUDA_REQUIREMENTS, scratch, target)
        os.sync()
        (target / CUDA_READY).touch()


@contextlib.contextmanager
def scratch_folder(target: Path):
    """A folder beside `target` that goes away afterwards."""
    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=".fetch-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cargo_settings(target: Path) -> str:
    return f'[env]\nLIBTORCH = "{target / "torch"}"\nMUJOCO_DYNAMIC_LINK_DIR = "{target / "mujoco"}"\n'


def write_cargo_settings(target: Path) -> None:
    text = "# Written by `make setup`.\n" + cargo_settings(target)
    path = ROOT / ".cargo" / "native.toml"
    if not path.exists() or path.read_text() != text:
        temporary = path.with_suffix(".tmp")
        temporary.write_text(text)
        temporary.rename(path)


def main() -> None:
    verb = sys.argv[1] if len(sys.argv) == 2 else ""
    if verb not in ("setup", "cuda", "env"):
        sys.exit(__doc__)
    target = cache_folder()
    if verb == "env":
        print(f"# Cargo.toml\n{PACKAGE}\n# .cargo/config.toml\n{cargo_settings(target)}", end="")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.parent / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            fetch(target)
        elif not (target / PLUGINS).exists():
            fetch_plugins(target)
        if verb == "cuda" and not (target / CUDA_READY).exists():
            fetch_cuda(target)
    write_cargo_settings(target)


if __name__ == "__main__":
    main()
