"""Benchmarks of the field: python -m imle_planner.bench SUITE --data DEMONSTRATIONS."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .cells import append, cells, read, same
from .grounds import ground
from .measure import measured
from .plots import plots
from .suite import FOLDER, load
from .tables import markdown


def main(arguments: list[str] | None = None) -> int:
    """Measure what is open of a suite, and print its tables."""
    names = sorted(file.stem for file in FOLDER.glob("*.toml"))
    parser = argparse.ArgumentParser(
        prog="python -m imle_planner.bench",
        description="Train and evaluate generators on others' benchmarks, beside published figures. A run that was "
        "stopped goes on where it was; a cell in the file of results is not measured again.",
    )
    parser.add_argument("suite", help=f"{', '.join(names)}, or a TOML file of your own")
    parser.add_argument("--data", help="the demonstrations, as their authors publish them, or a dataset of planner's")
    parser.add_argument("--results", type=Path, help="file of results (default: runs/bench/SUITE.jsonl)")
    parser.add_argument("--out", type=Path, help="folder of trainings (default: runs/bench/SUITE)")
    parser.add_argument("--parts", help="these parts alone, separated by commas")
    parser.add_argument("--methods", help="these methods alone")
    parser.add_argument("--tasks", help="these tasks alone")
    parser.add_argument("--episodes", help="these numbers of demonstrations alone")
    parser.add_argument("--seeds", help="these seeds alone")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of all trainings")
    parser.add_argument("--tune", action="store_true", help="evaluate on the starts for tuning, not those of the report")
    parser.add_argument("--shard", default="0/1", metavar="I/N", help="every N-th cell, from the I-th")
    parser.add_argument("--threads", type=int, help="threads (default: all)")
    parser.add_argument("--list", action="store_true", help="print the cells and measure nothing")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw curves into this folder (with matplotlib)")
    parser.add_argument("--report", action="store_true", help="print the tables and measure nothing")
    args = parser.parse_args(arguments)
    try:
        return run(args)
    except (ValueError, FileNotFoundError, ImportError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: stopped; the same command goes on", file=sys.stderr)
        return 1


def run(args: argparse.Namespace) -> int:
    suite = load(args.suite)
    results = args.results or Path("runs/bench") / f"{suite.name}.jsonl"
    out = args.out or Path("runs/bench") / suite.name
    every = list(cells(suite, settings(args.set), suite.tune if args.tune else None))
    chosen = every
    for flag, value in (("parts", lambda c: c.part.name), ("methods", lambda c: c.method), ("tasks", lambda c: c.task),
                        ("episodes", lambda c: str(c.episodes)), ("seeds", lambda c: str(c.seed))):
        if (wanted := getattr(args, flag)) is not None:
            names, known = wanted.split(","), {value(cell) for cell in every}
            if unknown := [name for name in names if name not in known]:
                raise ValueError(f"--{flag}: expected some of {', '.join(sorted(map(str, known)))}, found {unknown[0]}")
            chosen = [cell for cell in chosen if value(cell) in names]
    found = read(results)
    if args.list:
        for cell in chosen:
            print(f"{'done' if same(cell.key) in found else 'open'}  {cell}")
        return 0
    if not args.report:
        first, count = shard(args.shard)
        todo = [cell for cell in chosen[first::count] if same(cell.key) not in found]
        for number, cell in enumerate(todo, 1):
            say = f"{number} of {len(todo)}: {cell}"
            print(say, file=sys.stderr, flush=True)
            here = ground(suite, cell.task)
            demonstrations = here.demonstrations(args.data, out)
            record = measured(
                suite, here, cell, demonstrations, out, args.threads,
                lambda words: print(f"  {words}", file=sys.stderr, flush=True),
            )
            append(results, record)
            for final in record["result"]["final"]:
                words = f"{final['solved']} of {final['episodes']} solved, score {final['score']:.3f}"
                print(f"  T_act {final['execute']}: {words}", file=sys.stderr, flush=True)
    found = read(results)
    print(markdown(suite, chosen, found))
    if args.plots:
        for file in plots(suite, chosen, found, args.plots):
            print(f"plot: {file}", file=sys.stderr)
    return 0


def settings(words: list[str]) -> dict[str, object]:
    """KEY=VALUE words as settings, dotted keys as tables; values are JSON, or else text."""
    result: dict[str, object] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (equals and key):
            raise ValueError(f"--set: expected KEY=VALUE, found {word}")
        *tables, last = key.split(".")
        at: dict[str, object] = result
        for name in tables:
            at = at.setdefault(name, {})  # type: ignore[assignment]
        try:
            at[last] = json.loads(value)
        except json.JSONDecodeError:
            at[last] = value
    return result


def shard(text: str) -> tuple[int, int]:
    """I/N."""
    first, _, count = text.partition("/")
    if not (first.isdigit() and count.isdigit() and int(first) < int(count)):
        raise ValueError(f"--shard: expected I/N with I from 0 to N - 1, found {text}")
    return int(first), int(count)


if __name__ == "__main__":
    sys.exit(main())
