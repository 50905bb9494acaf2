"""The page from the command line: python -m imle_planner.viewer --task TASK, or planner view."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from .._exit_code import exit_code
from ..policy import Policy
from ..task import Task, task_names
from .opening import show, staged


def main(words: list[str] | None = None) -> int:
    """Open a page, until it is closed or Ctrl-C is pressed."""
    parser = argparse.ArgumentParser(prog="python -m imle_planner.viewer", description="See an episode in the browser.")
    parser.add_argument("--path", type=Path, help="folder of a run or of a dataset")
    parser.add_argument("--task", help="a task, live, or the one that a dataset is played in")
    parser.add_argument("--checkpoint", help="folder of the generator (default: the one shipped for the task)")
    parser.add_argument("--optimizer", help="optimizer to begin with")
    parser.add_argument("--candidates", type=int, default=32, help="candidates of a decision (default: 32)")
    parser.add_argument("--seed", type=int, default=0, help="seed of start states and draws")
    parser.add_argument("--first", type=int, default=0, help="number of the first episode")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port (default: the first that is free from 8080 on)")
    parser.add_argument("--threads", type=int, help="threads of the planner")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open no browser")
    args = parser.parse_args(words)
    if args.path is None and args.task is None:
        parser.error("expected --task or --path, found neither")
    return exit_code(lambda: opened(args))


def opened(args: argparse.Namespace) -> None:
    """Show what the words name."""
    if args.path is not None:
        if not args.path.exists():
            raise ValueError(f"{args.path}: expected the folder of a run or of a dataset, found nothing")
        stage = staged(args.path, task=args.task, threads=args.threads)
    else:
        task = Task.load(args.task)
        settings: dict[str, Any] = {"candidates": args.candidates}
        generator = args.checkpoint or (task.name if args.task in task_names() else None)
        policy = None if generator is None else Policy.load(generator)
        settings["optimizer"] = args.optimizer or ("predictive-sampling" if policy is not None else "cma-es")
        if policy is None:
            settings["proposals"] = ["noise", "warm"]
        stage = staged(task, policy, seed=args.seed, episode=args.first, threads=args.threads, **settings)
    show(stage, args.host, args.port, browse=not args.no_browser)


if __name__ == "__main__":
    sys.exit(main())
