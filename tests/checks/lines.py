#!/usr/bin/env python3
"""Non-test lines of code, a crate a line: without blank lines, comments, doc comments and tests.

usage: lines.py [--at COMMIT]    (without it: the working tree)
"""
import argparse
import ast
import io
import subprocess
import tokenize
from collections import Counter
from pathlib import Path, PurePosixPath

import rust

ROOT = Path(__file__).resolve().parents[2]
# Beside what is shipped: listed, but not in the total.
ASIDE = ("examples", "peers")
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
          tokenize.ENCODING}


def git(*words: str, text: str = "") -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *words], input=text.encode(), capture_output=True, check=True).stdout


def tree(commit: str | None) -> dict[str, str]:
    """Rust, Python and Cargo files by path."""
    if commit is None:
        names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0")
        return {name: (ROOT / name).read_text() for name in names if wanted(name) and (ROOT / name).exists()}
    names = git("ls-tree", "-rz", "--name-only", commit).decode().split("\0")
    return {name: git("show", f"{commit}:{name}").decode() for name in names if wanted(name)}


def wanted(name: str) -> bool:
    path = PurePosixPath(name)
    return path.name == "Cargo.toml" or (path.suffix in (".rs", ".py") and not rust.is_test(path))


def rust_lines(text: str) -> int:
    return sum(bool(line.strip()) for line in rust.without_tests(rust.mask(text)).splitlines())


def python_lines(text: str) -> int:
    lines = {line for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type not in LAYOUT
             for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def place(name: str, crates: list[str]) -> str:
    """The row that a file counts in: `examples`, `peers`, or the folder of its crate (the longest that holds it)."""
    parts = PurePosixPath(name).parts
    aside = [part for part in ASIDE if part in parts[:-1]]
    return aside[0] if aside else max((crate for crate in crates if crate == "." or name.startswith(crate + "/")),
                                      key=lambda crate: 0 if crate == "." else len(crate))


def count(files: dict[str, str]) -> Counter:
    crates = [str(PurePosixPath(name).parent) for name in files if name.endswith("Cargo.toml")]
    sources = {name: text for name, text in files.items() if name.endswith(".rs")}
    tests = {str(path) for name, text in sources.items() for path in rust.test_modules(PurePosixPath(name), text)}
    rows = Counter()
    for name, text in files.items():
        if name.endswith(".rs") and name not in tests:
            rows[place(name, crates)] += rust_lines(text)
        elif name.endswith(".py"):
            rows[place(name, crates)] += python_lines(text)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--at", metavar="COMMIT", help="count the tree of a commit")
    rows = count(tree(parser.parse_args().at))
    for row in sorted(rows, key=lambda row: (row in ASIDE, row)):
        print(f"{row:<14} {rows[row]:>7}{'  (not in the total)' if row in ASIDE else ''}")
    print(f"{'total':<14} {sum(lines for row, lines in rows.items() if row not in ASIDE):>7}")


if __name__ == "__main__":
    main()
