#!/usr/bin/env python3
"""Public items of each library, listed in docs/reference/api/ so that a change of the API shows in a diff.

Read from the source: items of public modules, items that a public module re-exports from a private one, and methods of
public types wherever they stand. Derives and trait implementations are not listed.

usage: api.py            write the listings
       api.py --check    fail if a listing differs
"""
import re
import sys
from pathlib import Path

import circles
import rust

ROOT = Path(__file__).resolve().parents[2]
LISTINGS = Path("docs/reference/api")
WORDS = r"(?:(?:async|const|unsafe|safe|extern(?:\s+\"_*\")?)\s+)*"
ITEM = re.compile(rf"\bpub\s+(?:{WORDS}fn|struct|enum|union|(?:unsafe\s+)?trait|type|const|static(?:\s+mut)?)\s+(\w+)")
IMPL = re.compile(r"^[ \t]*(?:unsafe\s+)?impl\b", re.MULTILINE)
METHOD = re.compile(rf"\bpub\s+{WORDS}fn\s+\w+|\bpub\s+const\s+\w+")
MEMBER = re.compile(rf"\b{WORDS}fn\s+\w+|\btype\s+\w+|\bconst\s+\w+")
ATTRIBUTE = re.compile(r"#!?\[")
OPEN = re.compile(r"#\[non_exhaustive\]\s*(?:#\[[^\]]*\]\s*)*$")
ALL = "*"


def one_line(code: str) -> str:
    """Code on one line, without attributes and trailing commas."""
    while match := ATTRIBUTE.search(code):
        code = code[:match.start()] + code[rust.closing(code, match.end() - 1):]
    code = re.sub(r"\s+", " ", code).strip()
    return re.sub(r",(?= ?[)}\]>])", "", re.sub(r"([(\[]) | (?=[)\]])", r"\1", code))


def header(code: str, start: int) -> str:
    """An item up to its body, value or `;`."""
    at, angles = start, 0
    while at < len(code) and code[at] not in ";{" and not (code[at] == "=" and angles == 0):
        if code[at] in "([":
            at = rust.closing(code, at) - 1
        elif code[at] in "<>" and code[at - 1:at + 1] not in ("->", "=>"):
            angles += 1 if code[at] == "<" else -1
        at += 1
    return code[start:at]


def body(code: str, start: int) -> str | None:
    """The text between the braces of an item that starts at `start`."""
    at = start + len(header(code, start))
    return code[at + 1:rust.closing(code, at) - 1] if code[at:at + 1] == "{" else None


def public_fields(fields: str) -> list[str]:
    parts = [one_line(part) for part in rust.split(fields)]
    shown = [part for part in parts if part.startswith("pub ")]
    return shown + [".."] * (len(shown) < len(parts))


def item_lines(code: str, match: re.Match) -> list[str]:
    """An item on one line; a trait's members on lines of their own."""
    start, inside = match.start(), body(code, match.start())
    text = one_line(header(code, start))
    kind = re.search(r"\b(struct|union|enum|trait|fn|type|const|static)\b", re.sub(r"const (?=.*\bfn\b)", "", text))[1]
    if kind == "type":
        text = one_line(code[start:code.index(";", start)])
    elif kind in ("struct", "union") and inside is not None:
        text += " { " + ", ".join(public_fields(inside)) + " }"
    elif kind == "struct" and "(" in text:
        opening = text.index("(")
        closing = rust.closing(text, opening)
        text = text[:opening] + "(" + ", ".join(public_fields(text[opening + 1:closing - 1])) + ")" + text[closing:]
    elif kind == "enum":
        text += " { " + ", ".join(one_line(part) for part in rust.split(inside)) + " }"
    lines = [("#[non_exhaustive] " if OPEN.search(code[:start]) else "") + text]
    if kind == "trait":
        lines += ["    " + line for line in trait_members(inside)]
    return lines


def trait_members(inside: str) -> list[str]:
    lines, at = [], 0
    while match := MEMBER.search(inside, at):
        end = rust.end_of_item(inside, match.start())
        given = " { .. }" if match.group().split()[-2] == "fn" and body(inside, match.start()) is not None else ""
        lines.append(one_line(header(inside, match.start())) + given)
        at = end
    return lines


def impl_lines(code: str, start: int, names: set[str]) -> tuple[list[str], int]:
    """Public methods and constants of an inherent implementation, and the place after it."""
    inside, end = body(code, start), rust.end_of_item(code, start)
    head = one_line(header(code, start))
    owner = re.sub(r"^(unsafe )?impl\s*", "", head)
    owner = owner[generics_length(owner):].strip()
    name = re.match(r"[\w:]*?(\w+)(?!\w|::)", owner)
    if inside is None or re.search(r"\bfor\b(?!\s*<)", owner) or not name or not (ALL in names or name[1] in names):
        return [], end
    methods = ["    " + one_line(header(inside, match.start())) for match in METHOD.finditer(inside)]
    return ([head] + methods if methods else []), end


def generics_length(text: str) -> int:
    """The length of the generics that `text` begins with."""
    depth = 0
    for index, letter in enumerate(text):
        depth += (letter == "<") - (letter == ">" and text[index - 1] not in "-=")
        if depth == 0:
            return index + 1 if letter == ">" else 0
    return 0


def module_lines(code: str, names: set[str], types: set[str] = frozenset()) -> list[str]:
    """Items of a module's text in their order; of a private module, those that are re-exported and methods of `types`."""
    lines, at = [], 0
    while at < len(code):
        found = [match for pattern in (ITEM, IMPL, rust.USE) if (match := pattern.search(code, at))]
        if not found:
            break
        match = min(found, key=lambda match: match.start())
        if match.re is IMPL:
            new, at = impl_lines(code, match.start(), names | types)
            lines += new
        elif match.re is rust.USE:
            if (match["public"] or "").strip() == "pub" and ALL in names:
                lines.append(f"pub use {one_line(match['tree'])}")
            at = match.end()
        else:
            if ALL in names or match[1] in names:
                lines += item_lines(code, match)
            at = rust.end_of_item(code, match.end())
    return lines


def exposed(tree: dict) -> dict[tuple, set[str]]:
    """What of each module can be reached from outside: all of a public one, the re-exported names of a private one."""
    reach = {path: {ALL} for path in tree if all(tree[path[:size]].public for size in range(len(path) + 1))}
    todo = list(reach)
    while todo:
        path = todo.pop()
        for target in re_exports(circles.text_of(tree, path)):
            module = circles.resolve(tree, path, target)
            if module is None:
                continue
            name = ALL if module[-1:] == (target[-1],) else target[-1]
            known = reach.setdefault(module, set())
            if name not in known and ALL not in known:
                known.add(name)
                todo.append(module)
    return reach


def re_exports(code: str) -> list[list[str]]:
    return [path for use in rust.USE.finditer(code) if (use["public"] or "").strip() == "pub"
            for path in rust.use_paths(use["tree"])]


def listing(root_file: Path) -> str:
    tree = rust.module_tree(root_file)
    reach = exposed(tree)
    types = {match[1] for path, names in reach.items() for match in ITEM.finditer(circles.text_of(tree, path))
             if (ALL in names or match[1] in names) and match[0].split()[1] in ("struct", "enum", "union")}
    sections = []
    for path in tree:
        if lines := module_lines(circles.text_of(tree, path), reach.get(path, set()), types):
            sections.append("\n".join([f"mod {'::'.join(['crate', *path])}", *("    " + line for line in lines)]))
    return "\n\n".join(sections) + "\n"


def listings(root: Path) -> dict[Path, str]:
    """The text of each crate's listing, by its path from the root."""
    return {LISTINGS / f"{crate.name}.txt": listing(start)
            for crate in rust.crates(root) for start in crate.roots if start.name == "lib.rs"}


def main() -> int:
    wanted = listings(ROOT)
    stale = [path for path, text in wanted.items() if not (ROOT / path).exists() or (ROOT / path).read_text() != text]
    extra = [file.relative_to(ROOT) for file in (ROOT / LISTINGS).glob("*.txt") if file.relative_to(ROOT) not in wanted]
    if "--check" in sys.argv:
        for path in [*stale, *extra]:
            print(f"api: {path} differs from the source; run `make api` and look at the change")
        return int(bool(stale or extra))
    (ROOT / LISTINGS).mkdir(parents=True, exist_ok=True)
    for path in stale:
        (ROOT / path).write_text(wanted[path])
    for path in extra:
        (ROOT / path).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
