#!/usr/bin/env python3
"""Fetch the scenes of third-party packages that the task files beside this script describe.

    python3 fetch.py                     all of them, into scenes/ beside this file (150 MB)
    python3 fetch.py gym-aloha           those of one package

The packages are downloaded from PyPI, pinned by version and hash, and only their models are unpacked: nothing of them is installed
or run. They keep their own licences: gymnasium-robotics MIT, metaworld MIT, gym-aloha Apache-2.0.
"""
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Package, version, the folder in it that holds the models, and the hash of its wheel.
PACKAGES = {
    "gymnasium-robotics": ("1.4.2", "gymnasium_robotics/envs/assets/",
                           "a1743530431cb377e6b3b956d284bc96436fc68bac1648ef205054c178e7dc4b"),
    "metaworld": ("3.1.1", "metaworld/assets/", "99e25d9baf97f2f1a19ca89c0d2ca9c6a2b396d9a9be81729de64eedc683f0d3"),
    "gym-aloha": ("0.1.5", "gym_aloha/assets/", "1794dd9a1146268a9b56f4a4931bcba69ca27714c2ac9ac146e471801bf0c7b3"),
}


def fetch(package):
    version, models, sha256 = PACKAGES[package]
    with tempfile.TemporaryDirectory() as scratch:
        pinned = Path(scratch) / "requirements.txt"
        pinned.write_text(f"{package}=={version} --hash=sha256:{sha256}\n")
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--require-hashes",
                        "-d", scratch, "-r", pinned], check=True)
        (wheel,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(HERE / "scenes", [name for name in archive.namelist() if name.startswith(models)])
    print(f"{package} {version}: {HERE / 'scenes' / models}")


if __name__ == "__main__":
    for name in sys.argv[1:] or PACKAGES:
        if name not in PACKAGES:
            sys.exit(f"fetch.py: unknown package `{name}`; known are {', '.join(PACKAGES)}")
        fetch(name)
