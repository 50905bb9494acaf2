#!/usr/bin/env python3
"""Empty GPU libraries beside an installed PyTorch, so that its CPU part imports without 2 GB of CUDA packages.

PyTorch's wheel on PyPI links cuDNN, cuBLAS and others even where there is no GPU. This makes, with gcc, libraries of
their names whose functions do nothing. For tests on a processor only: whoever uses a GPU installs the real ones.

usage: gpu_stubs.py [PYTHON]     the Python whose PyTorch it is; default: this one
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main(python: str) -> None:
    site = Path(output(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    folder = site / "torch" / "lib"
    libraries = sorted(folder.glob("lib*.so*"))
    if not libraries:
        sys.exit(f"{folder}: expected PyTorch's libraries, found none")
    missing, found = set(), set()
    for library in libraries:
        for line in output("ldd", str(library)).splitlines():
            name, _, path = line.strip().partition(" => ")
            missing.update([name] if path.startswith("not found") else [])
            found.update([path.split(" ")[0]] if path.startswith("/") else [])
    if not missing:
        return
    defined, wanted = set(), {}
    for library in {*map(str, libraries), *found}:
        for line in output("nm", "-D", library).splitlines():
            kind, symbol = line.split()[-2:]
            name, _, version = symbol.partition("@")
            if kind in "Uw":
                wanted.setdefault(name, version.lstrip("@"))
            else:
                defined.add(name)
    wanted = {name: version for name, version in wanted.items() if name not in defined}
    # What names no library may lie in any.
    rest = sorted(missing)[0]
    for library in sorted(missing):
        names = [n for n, v in wanted.items() if v == library or (library == rest and v not in missing)]
        names = [n for n in names if re.fullmatch(r"\w+", n)]
        with tempfile.TemporaryDirectory() as temporary:
            source, script = Path(temporary) / "stub.c", Path(temporary) / "stub.map"
            source.write_text("".join(f"int {n}(void) {{ return 1; }}\n" for n in names) or "static int none;\n")
            versions = {wanted[n] for n in names if wanted[n]} or {library}
            nodes = [f'"{v}" {{ global: {" ".join(f"{n};" for n in names if wanted[n] == v)} }};' for v in versions]
            script.write_text("\n".join(nodes) + "\n")
            flags = ["-shared", "-fPIC", "-w", "-fno-builtin", f"-Wl,-soname,{library}"]
            flags += [f"-Wl,--version-script={script}"] if any(wanted[n] for n in names) else []
            output("gcc", *flags, "-o", str(folder / library), str(source))
    print(f"{folder}: {len(missing)} empty GPU libraries")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else sys.executable)
