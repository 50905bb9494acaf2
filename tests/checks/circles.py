"""Import circles between the files of a crate.

A path counts as an import of the file of the longest module that it names: `crate::a::b::Item` imports the file of
`a::b`, and that of `a` if `a` re-exports `b::Item` as its own. A declaration (`mod child;`) imports nothing.
"""
import re
from pathlib import Path

import rust

INLINE = re.compile(r"(?<![\w:.$])((?:[A-Za-z_]\w*)(?:\s*::\s*[A-Za-z_]\w*)+)")
RESTRICTED = re.compile(r"\bpub\s*\(in [^)]*\)")


def imports(root: Path) -> dict[Path, set[Path]]:
    """The files that each file imports, from a crate's root file."""
    tree = rust.module_tree(root)
    graph: dict[Path, set[Path]] = {module.file: set() for module in tree.values()}
    for path, module in tree.items():
        for target in targets(tree, path, text_of(tree, path)):
            if target != module.file:
                graph[module.file].add(target)
    return graph


def text_of(tree: dict, path: tuple) -> str:
    """A module's own text: modules written inside it are left out."""
    module = tree[path]
    code = rust.shipped(module.file)[:module.end]
    for other, inner in tree.items():
        if other[:-1] == path and other and inner.file == module.file:
            code = code[:inner.start] + " " * (inner.end - inner.start) + code[inner.end:]
    return RESTRICTED.sub("pub", code[module.start:])


def targets(tree: dict, here: tuple, code: str) -> set[Path]:
    """The files that a module's text names."""
    paths = [path for use in rust.USE.finditer(code) for path in rust.use_paths(use["tree"])]
    paths += [re.split(r"\s*::\s*", match.group(1)) for match in INLINE.finditer(rust.USE.sub(" ", code))]
    return {tree[found].file for path in paths if (found := resolve(tree, here, path)) is not None}


def resolve(tree: dict, here: tuple, path: list[str]) -> tuple | None:
    """The longest module of the crate that a path names, or None where it leads outside."""
    at, rest = here, list(path)
    if rest[0] == "crate":
        at, rest = (), rest[1:]
    elif rest[0] in ("self", "super"):
        while rest and rest[0] in ("self", "super"):
            at = at[:-1] if rest[0] == "super" else at
            rest = rest[1:]
    elif (*here, rest[0]) not in tree:
        return None
    while rest and (*at, rest[0]) in tree:
        at, rest = (*at, rest[0]), rest[1:]
    return at


def circles(graph: dict[Path, set[Path]]) -> list[list[Path]]:
    """Groups of files that import each other, however indirectly (Tarjan's strongly connected components)."""
    order: dict[Path, int] = {}
    low: dict[Path, int] = {}
    stack: list[Path] = []
    found: list[list[Path]] = []

    def visit(node: Path) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for target in sorted(graph[node]):
            if target not in order:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], order[target])
        if low[node] == order[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return found
