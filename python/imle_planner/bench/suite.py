"""A suite: protocol, trainings and published figures of one benchmark, read from a TOML file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._checks import nearest

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib  # type: ignore[no-redef]

#: Where the suites that come along lie.
FOLDER = Path(__file__).parent / "suites"

#: Keys of each table, and whether they must be there.
SUITE = {
    "name": True, "title": True, "environment": True, "ground": False, "packages": False, "source": False,
    "max_steps": False, "action_bounds": False, "success_at": False, "env_kwargs": False, "differs": False,
    "tasks": False, "starts": True, "settings": False, "methods": True, "part": True,
}
STARTS = {"tune": True, "learn": True, "report": True, "curve": False}
PART = {
    "name": True, "title": True, "measure": False, "episodes": True, "methods": True, "seeds": False, "execute": False,
    "settings": False, "dataset": False, "published": False, "gate": False, "tasks": False, "curve": False,
}
#: Keys of a method that are no settings of its training: the method whose generator it is distilled from, and ways of
#: sampling that it is evaluated with, by name.
OPTIONS = ("teacher", "samplings")
#: Types of values, by key; a list where its entries are of that type.
TYPES: dict[str, Any] = {
    "name": str, "title": str, "environment": str, "ground": str, "source": str, "measure": str, "success_at": str,
    "method": str, "text": str, "packages": [str], "differs": [str], "tasks": [str], "seeds": [int], "execute": [int],
    "action_bounds": [float, int], "max_steps": int, "curve": int, "value": (float, int), "within": (float, int),
    "settings": dict, "env_kwargs": dict, "dataset": dict, "part": [dict], "published": [dict], "gate": dict,
}
PUBLISHED = {"method": True, "value": False, "text": False, "source": True, "episodes": False}


@dataclass(frozen=True)
class Published:
    """A figure of others."""

    method: str
    source: str
    value: float | None = None
    text: str = ""
    episodes: int | str | None = None


@dataclass(frozen=True)
class Gate:
    """A comparison with ``method`` counts only where it comes within ``within`` of ``value`` on ``episodes``."""

    method: str
    episodes: int | str
    value: float
    within: float


@dataclass(frozen=True)
class Part:
    """One table of a suite: every method, on every number of episodes, with every seed."""

    name: str
    title: str
    episodes: list[int | str]
    #: Settings of each method beside its own, by name.
    methods: dict[str, dict[str, Any]]
    measure: str = "success"
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    execute: list[int] = field(default_factory=lambda: [8])
    settings: dict[str, Any] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dict)
    tasks: list[str] | None = None
    published: list[Published] = field(default_factory=list)
    gate: Gate | None = None
    #: Evaluations in the course of a training.
    curve: int = 0


@dataclass(frozen=True)
class Suite:
    """A benchmark."""

    name: str
    title: str
    environment: str
    methods: dict[str, dict[str, Any]]
    part: list[Part]
    #: First start and number of starts, for tuning, for reinforcement learning, and for the report.
    tune: tuple[int, int]
    learn: tuple[int, int]
    report: tuple[int, int]
    #: Starts of an evaluation while it trains, the first of ``tune``.
    curve: int = 50
    ground: str = "own"
    packages: list[str] = field(default_factory=list)
    source: str = ""
    max_steps: int | None = None
    action_bounds: list[float] | None = None
    success_at: str = "end"
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    #: What differs from the published protocol.
    differs: list[str] = field(default_factory=list)
    #: Names of the tasks, for a suite of several.
    tasks: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


def load(name: str | os.PathLike[str]) -> Suite:
    """The suite of this name, or in this TOML file."""
    path = Path(name)
    if path.suffix != ".toml":
        known = {file.stem: file for file in FOLDER.glob("*.toml")}
        if str(name) not in known:
            raise ValueError(f"suite: unknown `{name}`; {nearest(str(name), sorted(known))}")
        path = known[str(name)]
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected TOML, found {error}") from None
    return parsed(table, str(path))


def parsed(table: dict[str, Any], place: str) -> Suite:
    """The suite in a table."""
    checked(table, SUITE, place)
    starts = checked(table.pop("starts"), STARTS, f"{place}: starts")
    ranges: dict[str, Any] = {}
    for key in ("tune", "learn", "report"):
        value = starts[key]
        if not (isinstance(value, list) and len(value) == 2 and all(type(v) is int and v >= 0 for v in value)):
            raise ValueError(f"{place}: starts.{key}: expected [first, count], found {value}")
        ranges[key] = (value[0], value[1])
    spans = sorted((first, first + count, key) for key, (first, count) in ranges.items())
    for (_, end, one), (first, _, other) in zip(spans, spans[1:]):
        if first < end:
            raise ValueError(f"{place}: starts: expected ranges that do not overlap, found {one} and {other}")
    methods = table["methods"]
    if not (isinstance(methods, dict) and all(isinstance(own, dict) for own in methods.values())):
        raise ValueError(f"{place}: methods: expected a table of settings for each, found {methods!r:.40}")
    for name, own in methods.items():
        own_method(own, methods, f"{place}: methods.{name}")
    parts = [part(entry, methods, f"{place}: part {number}") for number, entry in enumerate(table.pop("part"))]
    names = [one.name for one in parts]
    if len(set(names)) < len(names):
        raise ValueError(f"{place}: part: expected names that differ, found {', '.join(names)}")
    return Suite(part=parts, curve=starts.get("curve", 50), **ranges, **table)


def part(table: dict[str, Any], known: dict[str, Any], place: str) -> Part:
    """A part in a table."""
    checked(table, PART, place)
    methods = table["methods"]
    if isinstance(methods, list):
        table["methods"] = methods = {str(name): {} for name in methods}
    if not (isinstance(methods, dict) and all(isinstance(own, dict) for own in methods.values())):
        raise ValueError(f"{place}: methods: expected a list of names, or a table of settings for each, found {methods!r:.40}")
    for name, own in methods.items():
        if name not in known:
            raise ValueError(f"{place}: methods: unknown `{name}`; {nearest(name, sorted(known))}")
        own_method(own, known, f"{place}: methods.{name}")
    table["published"] = [
        Published(**checked(entry, PUBLISHED, f"{place}: published {number}"))
        for number, entry in enumerate(table.get("published", []))
    ]
    if gate := table.get("gate"):
        table["gate"] = Gate(**checked(gate, dict.fromkeys(("method", "episodes", "value", "within"), True), f"{place}: gate"))
    return Part(**table)


def own_method(own: dict[str, Any], known: dict[str, Any], place: str) -> None:
    """Check what a method has beside settings; those are checked by the training."""
    ways = own.get("samplings", {})
    if not (isinstance(ways, dict) and all(isinstance(way, dict) for way in ways.values())):
        raise ValueError(f"{place}: samplings: expected a table of settings for each, found {ways!r:.40}")
    teacher = own.get("teacher")
    if teacher is None:
        return
    if teacher not in known:
        raise ValueError(f"{place}: teacher: unknown `{teacher}`; {nearest(str(teacher), sorted(known))}")
    if "teacher" in known[teacher]:
        raise ValueError(f"{place}: teacher: expected a method without a teacher, found {teacher}")


#: Types in words.
WORDS = {str: "text", int: "whole numbers", float: "numbers", dict: "tables"}


def _kinds(kind: Any) -> tuple[type, ...]:
    return tuple(kind) if isinstance(kind, (list, tuple)) else (kind,)


def checked(table: Any, keys: dict[str, bool], place: str) -> dict[str, Any]:
    """The table, if it has these keys, of which some must be there."""
    if not isinstance(table, dict):
        raise ValueError(f"{place}: expected a table, found {table!r:.40}")
    for key in table:
        if key not in keys:
            raise ValueError(f"{place}: unknown key `{key}`; {nearest(key, sorted(keys))}")
        kind = TYPES.get(key)
        listed = isinstance(kind, list)
        values = table[key] if listed and isinstance(table[key], list) else [table[key]]
        fits = kind is None or all(type(v) in _kinds(kind) for v in values) and (not listed or isinstance(table[key], list))
        if not fits:
            what = " or ".join(WORDS[k] for k in _kinds(kind))
            raise ValueError(f"{place}: {key}: expected {'a list of ' if listed else ''}{what}, found {table[key]!r:.40}")
    for key, wanted in keys.items():
        if wanted and key not in table:
            raise ValueError(f"{place}: expected the key `{key}`, found {', '.join(table) or 'none'}")
    return table
