"""Rust source as the checks read it: text without comments, strings and tests; the workspace; its module trees."""
import functools
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path, PurePath

# Comments (block comments nest and are handled apart), strings, raw strings, characters; lifetimes stay.
TOKEN = re.compile(r"""//[^\n]*|/\*|\b(?:b|c)?r(?P<hashes>\#*)"|\b[bc]?"|"|b?'(?:\\(?:x..|u\{[^}]*\}|.)|[^\\'\n])'""",
                   re.DOTALL)
TEST = re.compile(r"#\[cfg\(test\)\]|#\[cfg\((?:all|any)\(test\b[^\]]*\]")
MODULE = re.compile(r"(?P<public>\bpub(?:\([^)]*\))?\s+)?\bmod\s+(?P<name>\w+)\s*(?P<end>[;{])")
USE = re.compile(r"(?P<public>\bpub(?:\([^)]*\))?\s+)?\buse\s+(?P<tree>[^;]+);")


def mask(text: str) -> str:
    """The text with comments as spaces and the insides of strings as underscores; every line keeps its place."""
    out, at = [], 0
    while match := TOKEN.search(text, at):
        out.append(text[at:match.start()])
        token, start = match.group(), match.start()
        if token.startswith("//"):
            end = match.end()
        elif token == "/*":
            end = end_of_comment(text, match.end())
        elif token.endswith("'"):
            end = match.end()
        elif match.group("hashes") is not None:
            close = text.find('"' + match.group("hashes"), match.end())
            end = len(text) if close < 0 else close + 1 + len(match.group("hashes"))
        else:
            end = end_of_string(text, match.end())
        fill = " " if token.startswith("/") else "_"
        inside = re.sub(r"[^\n]", fill, text[start:end])
        out.append(inside if fill == " " else f'"{inside[1:-1]}"')
        at = end
    return "".join(out) + text[at:]


def end_of_comment(text: str, at: int) -> int:
    depth = 1
    for mark in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)


def end_of_string(text: str, at: int) -> int:
    match = re.compile(r'(?:[^"\\]|\\.)*"', re.DOTALL).match(text, at)
    return match.end() if match else len(text)


def closing(code: str, at: int) -> int:
    """The place after the bracket that closes the one at `at`, in masked code."""
    depth = 0
    for index in range(at, len(code)):
        if code[index] in "([{":
            depth += 1
        elif code[index] in ")]}":
            depth -= 1
            if depth == 0:
                return index + 1
    return len(code)


def end_of_item(code: str, at: int) -> int:
    """The place after an item that starts at `at`: its `;`, or the brace that closes its body."""
    while at < len(code):
        if code[at] in ";,":
            return at + 1
        if code[at] in "([{":
            brace, at = code[at] == "{", closing(code, at)
            if brace:
                return at
        else:
            at += 1
    return at


def without_tests(code: str) -> str:
    """Masked code without the items that only tests compile."""
    while match := TEST.search(code):
        end = end_of_item(code, match.end())
        code = code[:match.start()] + re.sub(r"[^\n]", " ", code[match.start():end]) + code[end:]
    return code


@functools.cache
def shipped(path: Path) -> str:
    """The masked text of a file without its tests."""
    return without_tests(mask(path.read_text()))


@dataclass
class Module:
    """A module: its file, where its text lies in it, and whether its parent declares it `pub`."""
    file: Path
    start: int
    end: int
    public: bool


@dataclass
class Crate:
    name: str
    folder: Path
    roots: list[Path]
    dependencies: set[str] = field(default_factory=set)


def crates(root: Path) -> list[Crate]:
    """The packages of a workspace, the root package included."""
    manifest = tomllib.loads((root / "Cargo.toml").read_text())
    folders = [root / member for member in manifest.get("workspace", {}).get("members", [])]
    found = []
    for folder in [root, *folders] if "package" in manifest else folders:
        package = tomllib.loads((folder / "Cargo.toml").read_text())
        roots = [folder / "src" / name for name in ("lib.rs", "main.rs") if (folder / "src" / name).exists()]
        tables = (package.get(kind, {}) for kind in ("dependencies", "dev-dependencies", "build-dependencies"))
        found.append(Crate(package["package"]["name"], folder, roots, {name for table in tables for name in table}))
    return found


def test_modules(file: PurePath, text: str) -> set[PurePath]:
    """Files that `file` declares as modules of its tests: `#[cfg(test)] mod name;`."""
    folder = file.parent if file.name in ("lib.rs", "main.rs", "mod.rs") else file.with_suffix("")
    names = re.findall(rf"(?:{TEST.pattern})\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;", mask(text))
    return {path for name in names for path in (folder / f"{name}.rs", folder / name / "mod.rs")}


def is_test(path: PurePath) -> bool:
    return path.name == "tests.rs" or any(part in ("tests", "test") for part in path.parts[:-1])


def sources(crate: Crate) -> list[Path]:
    """The files of a crate's `src`, without tests and without crates that lie inside."""
    folder = crate.folder / "src"
    inner = {manifest.parent for manifest in folder.rglob("Cargo.toml")}
    files = [file for file in sorted(folder.rglob("*.rs"))
             if not is_test(file.relative_to(folder)) and inner.isdisjoint(file.parents)]
    tests = {path for file in files for path in test_modules(file, file.read_text())}
    return [file for file in files if file not in tests]


def module_tree(root: Path) -> dict[tuple[str, ...], Module]:
    """Modules by path, from a crate's root file; modules written inside a file share it."""
    tree: dict[tuple[str, ...], Module] = {}

    def walk(path: tuple[str, ...], module: Module, folder: Path) -> None:
        tree[path] = module
        code, at = shipped(module.file), module.start
        while match := MODULE.search(code, at, module.end):
            name, public = match["name"], (match["public"] or "").strip() == "pub"
            at = match.end()
            if match["end"] == "{":
                at = closing(code, match.end() - 1)
                walk((*path, name), Module(module.file, match.end(), at, public), folder / name)
                continue
            for file in (folder / f"{name}.rs", folder / name / "mod.rs"):
                if file.exists():
                    walk((*path, name), Module(file, 0, len(shipped(file)), public), folder / name)

    if root.exists():
        walk((), Module(root, 0, len(shipped(root)), True), root.parent)
    return tree


def use_paths(tree: str) -> list[list[str]]:
    """The full paths of a `use` tree: `a::{b, c::d}` gives a::b and a::c::d; `self` and `as` are resolved."""
    tree = tree.strip()
    if "{" not in tree:
        parts = [part.strip() for part in re.split(r"\s+as\s+", tree)[0].split("::")]
        return [parts[:-1] if parts[-1] == "self" and len(parts) > 1 else parts]
    brace = tree.index("{")
    prefix = [part.strip() for part in tree[:brace].split("::") if part.strip()]
    return [resolve_self(prefix + rest) for part in split(tree[brace + 1:tree.rindex("}")]) for rest in use_paths(part)]


def resolve_self(path: list[str]) -> list[str]:
    return path[:-1] if len(path) > 1 and path[-1] == "self" else path


def split(text: str) -> list[str]:
    """The parts of `text` between commas that no bracket encloses."""
    parts, depth, start = [], 0, 0
    for index, letter in enumerate(text):
        if letter in "([{<":
            depth += 1
        elif letter in ")]}" or (letter == ">" and text[index - 1] not in "-="):
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [part.strip() for part in [*parts, text[start:]] if part.strip()]
