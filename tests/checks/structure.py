#!/usr/bin/env python3
"""Structure of the workspace: import circles, order of crates, files in `src`, type names, doc comments.

usage: structure.py [--all]    (--all also lists what the limits allow)
"""
import re
import sys
from collections import defaultdict
from pathlib import Path

import circles
import limits
import rust

ROOT = Path(__file__).resolve().parents[2]
ALLOWED_NAMES = Path(__file__).with_name("same_names.txt")
# A crate imports from layers above its own line only.
LAYERS = [{"imle-configs"}, {"imle-envs", "imle-policy", "imle-data"}, {"imle-planner"}, {"imle-rl", "imle-c"},
          {"imle-cli"}, {"imle-bench", "imle-python"}, {"planner"}]
MOST_FILES = 10
TYPE = re.compile(r"^\s*pub\s+(?:unsafe\s+|auto\s+)*(?:struct|enum|union|trait|type)\s+(\w+)", re.MULTILINE)
DOC = re.compile(r"^\s*//[/!](?!/)\s?(.*)$")
WEAK_START = re.compile(r"(?:What|How|Who|Its|Whose)\b")


def import_circles(crate: rust.Crate, root: Path) -> list[str]:
    return [f"{crate.name}: {len(circle)} files, {circle[0].relative_to(root)} … {circle[-1].relative_to(root)}"
            for start in crate.roots for circle in circles.circles(circles.imports(start))]


def files_in_circles(crate: rust.Crate, root: Path) -> list[str]:
    """One finding a file, with what it imports within its circle."""
    found = []
    for start in crate.roots:
        graph = circles.imports(start)
        for circle in circles.circles(graph):
            for file in circle:
                within = " ".join(str(target.relative_to(root)) for target in sorted(graph[file] & set(circle)))
                found.append(f"{file.relative_to(root)} imports {within}")
    return found


def crate_order(crate: rust.Crate) -> list[str]:
    layer = {name: index for index, names in enumerate(LAYERS) for name in names}
    if crate.name not in layer:
        return [f"{crate.name} has no place in LAYERS of tests/checks/structure.py"]
    return [f"{crate.name} must not depend on {name}" for name in sorted(crate.dependencies)
            if layer.get(name, -1) >= layer[crate.name]]


def crowded_folder(crate: rust.Crate) -> list[str]:
    """One finding for each file beyond ten, in alphabetical order."""
    files = [file.name for file in sorted((crate.folder / "src").glob("*.rs"))]
    return [f"{crate.name}: {len(files)} files in src, {MOST_FILES} allowed: {name}" for name in files[MOST_FILES:]]


def same_names(crates: list[rust.Crate], root: Path, allowed: set[str]) -> list[str]:
    places = defaultdict(list)
    for crate in crates:
        for file in rust.sources(crate):
            for name in TYPE.findall(rust.shipped(file)):
                places[name].append(str(file.relative_to(root)))
    return [f"{name}: {' '.join(files)}" for name, files in sorted(places.items())
            if len(files) > 1 and name not in allowed]


def weak_docs(crate: rust.Crate, root: Path) -> list[str]:
    """Doc comments whose first line begins with What, How, Who, Its or Whose."""
    found = []
    for file in rust.sources(crate):
        before = False
        for number, line in enumerate(file.read_text().splitlines(), 1):
            doc = DOC.match(line)
            if doc and not before and WEAK_START.match(doc[1]):
                found.append(f"{file.relative_to(root)}:{number}: {doc[1][:60]}")
            before = bool(doc)
    return found


def check(root: Path, allowed: set[str]) -> dict[str, list[str]]:
    """All findings, by the name of their limit."""
    crates = rust.crates(root)
    return {
        "import_circles": [line for crate in crates for line in import_circles(crate, root)],
        "files_in_circles": [line for crate in crates for line in files_in_circles(crate, root)],
        "crate_order": [line for crate in crates for line in crate_order(crate)],
        "files_beyond_ten": [line for crate in crates for line in crowded_folder(crate)],
        "same_type_names": same_names(crates, root, allowed),
        "weak_doc_comments": [line for crate in crates for line in weak_docs(crate, root)],
    }


def allowed_names() -> set[str]:
    return {line.split()[0] for line in ALLOWED_NAMES.read_text().splitlines() if line and not line.startswith("#")}


if __name__ == "__main__":
    sys.exit(limits.enforce("structure", check(ROOT, allowed_names())))
