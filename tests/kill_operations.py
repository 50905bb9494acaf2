#!/usr/bin/env python3
"""A kill before every operation on the disk, in every command that saves: all are resumed, and the bits are equal.

    cargo build && python3 tests/kill_operations.py target/debug/planner
    python3 tests/kill_operations.py target/debug/planner --commands train --every 5

A debug build ends before the operation whose number is in PLANNER_STOP_BEFORE_OPERATION. Each command runs once without, and
then once for each number until it comes to its end; what was stopped is resumed, and every file but the events of TensorBoard
must be that of the first run, times in the log aside.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TINY = ["network.width=32", "network.blocks=1", "batch_size=16", "samples=4", "warmup_steps=5"]
ROUND = ["episodes_per_round=2", "candidates=8", "train_steps=20", "batch_size=16", "samples=4", "evaluation_episodes=2",
         "attempts=1", "lockstep=1"]
ONLINE = ["episodes=2", "evaluation_episodes=2", "evaluate_every=40", "warmup_steps=30", "critic.width=32", "critic.batch_size=32",
          "actor.batch_size=16", "actor.samples=4", "actor.steps_per_decision=1", "critic.least_rank_correlation=0"]
NOTHING = ["a training to go on with", "a run to go on with"]


def sets(words):
    return [word for key in words for word in ("--set", key)]


def commands(demos, generator):
    """Words of each command that begin it, and those that only begin it and are left out of a resume."""
    finetune = ["finetune", "--task", "cartpole", "--data", demos, "--checkpoint", generator]
    return {
        "train": (["train", "--data", demos, "--evaluation-episodes", 2],
                  sets([*TINY, "steps=30", "checkpoint_every=10", "evaluate_every=15", "log_every=7"])),
        "distill": (["distill", "--teacher", generator, "--data", demos, "--samples", 2, "--evaluation-episodes", 0],
                    sets([*TINY[:3], "warmup_steps=5", "steps=20", "checkpoint_every=10"])),
        "expert-iteration": ([*finetune, "--env-steps", 60], ["--algorithm", "expert-iteration", *sets(ROUND)]),
        "best-of-n": ([*finetune, "--env-steps", 80, "--reward", "progress"], ["--algorithm", "best-of-n", *sets(ONLINE)]),
    }


def call(planner, words, stop=None):
    environment = dict(os.environ)
    if stop is not None:
        environment["PLANNER_STOP_BEFORE_OPERATION"] = str(stop)
    return subprocess.run([planner, *map(str, words), "--quiet", "--threads", "1"], env=environment, capture_output=True, text=True)


def log(text):
    """The lines of a log without what depends on the clock."""
    return [{k: v for k, v in json.loads(line).items() if not k.startswith("time/") or "steps_per" not in k and "fps" not in k}
            for line in text.splitlines()]


def results(folder):
    files = {p.relative_to(folder): p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith("events.")}
    return {path: log(p.read_text()) if p.name == "metrics.jsonl" else p.read_bytes() for path, p in files.items()}


def killed(planner, words, begin, out, stop):
    """Stops before an operation and resumes; None if there was no such operation, else what went wrong or an empty text."""
    done = call(planner, [*words, *begin, "--out", out], stop)
    if done.returncode == 0:
        return None
    if done.returncode != -6:
        return f"exit {done.returncode}: {done.stderr.strip()}"
    done = call(planner, [*words, "--resume", "--out", out])
    if done.returncode == 2 and (not out.exists() or any(text in done.stderr for text in NOTHING)):
        done = call(planner, [*words, *begin, "--out", out])
    return "" if done.returncode == 0 else f"resumed with exit {done.returncode}: {done.stderr.strip()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("planner", type=Path)
    parser.add_argument("--commands", nargs="+", default=["train", "distill", "expert-iteration", "best-of-n"])
    parser.add_argument("--every", type=int, default=1, help="each so manieth operation")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    planner, failures = args.planner.resolve(), 0
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(args.jobs) as pool:
        scratch = Path(scratch)
        demos, generator = scratch / "demos", scratch / "generator"
        for words in (["demo", "--task", "cartpole", "--episodes", 4, "--out", demos],
                      ["train", "--data", demos, "--out", generator, "--evaluation-episodes", 0, *sets([*TINY, "steps=200"])]):
            made = call(planner, words)
            if made.returncode != 0:
                sys.exit(made.stderr)
        for name in args.commands:
            words, begin = commands(demos, generator)[name]
            whole = scratch / f"{name}-whole"
            made = call(planner, [*words, *begin, "--out", whole])
            if made.returncode != 0:
                sys.exit(f"{name}: {made.stderr}")
            expected, kills, stop, ended = results(whole), 0, args.first, False
            while not ended:
                stops = [stop + i * args.every for i in range(args.jobs)]
                outs = [scratch / f"{name}-{n}" for n in stops]
                found = pool.map(lambda n, out: killed(planner, words, begin, out, n), stops, outs)
                for number, out, wrong in zip(stops, outs, list(found)):
                    if wrong is None:
                        ended = True
                        continue
                    kills += 1
                    got = results(out) if not wrong else {}
                    if not wrong and got != expected:
                        differ = sorted(str(p) for p in got.keys() | expected.keys() if got.get(p) != expected.get(p))
                        wrong = f"other files or contents: {differ}"
                    if wrong:
                        failures += 1
                        print(f"{name}: operation {number}: {wrong}")
                    left = [p.name for p in out.rglob(".writing-*")] if out.exists() else []
                    if left:
                        failures += 1
                        print(f"{name}: operation {number}: left {left}")
                stop = stops[-1] + args.every
            print(f"{name}: {kills} kills, one before each {'' if args.every == 1 else f'{args.every}th '}operation", flush=True)
    sys.exit(f"{failures} failures" if failures else 0)


if __name__ == "__main__":
    main()
