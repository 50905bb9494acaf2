#!/usr/bin/env python3
"""Prose of the documents: length of sentences and lines, links, pictures.

usage: prose.py [--all]    (--all also lists what the limits allow)
"""
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import limits

ROOT = Path(__file__).resolve().parents[2]
# Documents whose sentences and lines are measured; links are checked in every document.
MEASURED = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/guide/", "docs/reference/")
PICTURES = "docs/images"
LONGEST_MEAN = 20
LONGEST_LINE = 120
FENCE = re.compile(r"^\s*(```|~~~)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
LINK = re.compile(r"!?\[((?:[^\[\]]|\[[^\]]*\])*)\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^\s*\[[^\]]+\]:\s+(\S+)")
HTML_LINK = re.compile(r"<(?:img|a|source|video)\b[^>]*?\b(?:src|href)=[\"']([^\"']+)")
HTML_ANCHOR = re.compile(r"<\w+[^>]*?\b(?:id|name)=[\"']([^\"']+)")
TAG = re.compile(r"<!--.*?-->|</?[A-Za-z][^>]*>", re.DOTALL)
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')*_”]*\s+")


def without_fences(text: str) -> list[str]:
    """The lines, with those of code blocks emptied."""
    lines, fence = [], None
    for line in text.splitlines():
        mark = FENCE.match(line)
        inside = fence is not None
        if mark and fence in (None, mark[1]):
            fence = None if inside else mark[1]
        lines.append("" if inside or mark else line)
    return lines


def is_table(line: str) -> bool:
    return line.lstrip(" >").startswith("|")


def blocks(text: str) -> list[str]:
    """Paragraphs and list items, without code, tables, headings, links' targets and HTML."""
    found, current = [], []
    for line in [*without_fences(TAG.sub(" ", text)), ""]:
        line = line.strip().lstrip("> ")
        if not line or is_table(line) or HEADING.match(line) or ITEM.match(line) or REFERENCE.match(line):
            found.append(" ".join(current))
            current = []
        if line and not (is_table(line) or HEADING.match(line) or REFERENCE.match(line)):
            current.append(ITEM.sub("", line))
    return [LINK.sub(r"\1", CODE.sub("code", block)) for block in found if block]


def sentence_lengths(text: str) -> list[int]:
    sentences = (sentence for block in blocks(text) for sentence in SENTENCE_END.split(block))
    lengths = (sum(bool(re.search(r"\w", word)) for word in sentence.split()) for sentence in sentences)
    return [length for length in lengths if length]


def long_sentences(name: str, text: str) -> list[str]:
    lengths = sentence_lengths(text)
    mean = sum(lengths) / max(len(lengths), 1)
    return [f"{name}: {mean:.1f} words a sentence, {LONGEST_MEAN} allowed"] if mean > LONGEST_MEAN else []


def long_lines(name: str, text: str) -> list[str]:
    found = []
    for number, line in enumerate(without_fences(text), 1):
        length = len(TAG.sub("", LINK.sub(r"[\1]", line)))
        if length > LONGEST_LINE and not is_table(line) and not REFERENCE.match(line):
            found.append(f"{name}:{number}: {length} columns, {LONGEST_LINE} allowed")
    return found


def links(text: str) -> list[str]:
    """Targets of links and pictures."""
    code_free = "\n".join(without_fences(text))
    code_free = CODE.sub("code", code_free)
    targets = []
    for match in LINK.finditer(code_free):
        targets += [match[2], *links(match[1])]
    targets += [match[1] for line in code_free.splitlines() if (match := REFERENCE.match(line))]
    return targets + HTML_LINK.findall(code_free)


def anchors(text: str) -> set[str]:
    """Anchors as GitHub names them: headings in lower case, spaces as hyphens, repeated ones numbered."""
    found: set[str] = set()
    for line in without_fences(text):
        if heading := HEADING.match(line):
            title = TAG.sub("", LINK.sub(r"\1", heading[1])).replace("`", "").lower()
            base = slug = re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
            repeat = 0
            while slug in found:
                repeat += 1
                slug = f"{base}-{repeat}"
            found.add(slug)
    return found | set(HTML_ANCHOR.findall(text))


def dead_links(root: Path, name: str, text: str) -> list[str]:
    found = []
    for target in links(text):
        if re.match(r"[a-zA-Z][\w+.-]*:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (root / name).parent / path if path else root / name
        if not file.exists():
            found.append(f"{name}: no file {target}")
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text()):
            found.append(f"{name}: no anchor {target}")
    return found


def orphan_pictures(root: Path, documents: dict[str, str]) -> list[str]:
    used = {((root / name).parent / unquote(target).partition("#")[0]).resolve()
            for name, text in documents.items() for target in links(text) if ":" not in target}
    pictures = (file for file in sorted((root / PICTURES).rglob("*")) if file.is_file())
    return [f"no document shows {file.relative_to(root)}" for file in pictures if file.resolve() not in used]


def check(root: Path, names: list[str]) -> dict[str, list[str]]:
    """All findings, by the name of their limit."""
    documents = {name: (root / name).read_text() for name in names}
    measured = {name: text for name, text in documents.items() if name.startswith(MEASURED)}
    return {
        "long_sentences": [line for name, text in measured.items() for line in long_sentences(name, text)],
        "long_lines": [line for name, text in measured.items() for line in long_lines(name, text)],
        "dead_links": [line for name, text in documents.items() for line in dead_links(root, name, text)],
        "orphan_pictures": orphan_pictures(root, documents),
    }


def documents(root: Path) -> list[str]:
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split("\0")
    return sorted({name for name in names if name and (root / name).exists()})


if __name__ == "__main__":
    sys.exit(limits.enforce("prose", check(ROOT, documents(ROOT))))
