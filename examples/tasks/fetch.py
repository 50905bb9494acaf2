#!/usr/bin/env python3
"""Fetch the scenes of third-party packages that the task files beside this script describe.

    python3 fetch.py                     all of them, into scenes/ beside this file (150 MB)
    python3 fetch.py gym-aloha           those of one package

The packages are downloaded from PyPI at pinned versions and only their models are unpacked: nothing of them is installed
or run. They keep their own licences: gymnasium-robotics MIT, metaworld MIT, gym-aloha Apache-2.0.
"""
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Package, version, and the folder in it that holds the models.
PACKAGES = {
    "gymnasium-robotics": ("1.4.2", "gymnasium_robotics/envs/assets/"),
    "metaworld": ("3.1.1", "metaworld/assets/"),
    "gym-aloha": ("0.1.5", "gym_aloha/assets/"),
}


def fetch(package):
    version, models = PACKAGES[package]
    with tempfile.TemporaryDirectory() as scratch:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", scratch]
        subprocess.run([*pip, f"{package}=={version}"], check=True)
        (wheel,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(HERE / "scenes", [name for name in archive.namelist() if name.startswith(models)])
    print(f"{package} {version}: {HERE / 'scenes' / models}")


if __name__ == "__main__":
    for name in sys.argv[1:] or PACKAGES:
        if name not in PACKAGES:
            sys.exit(f"fetch.py: unknown package `{name}`; known are {', '.join(PACKAGES)}")
        fetch(name)
