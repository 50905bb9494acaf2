#!/usr/bin/env python3
"""A hundred kills of a fine-tuning at random moments: a hundred clean resumes, nothing recorded is lost.

    python3 tests/hundred_kills.py target/release/planner
    python3 tests/hundred_kills.py target/release/planner --algorithm gradient --kills 20 --seed 3

One run is left alone. The other is killed (SIGKILL) and resumed; after every kill its log must be the beginning of the first
one's, and no shorter than after the kill before; at the end all files but logs must be those of the first, to the bit.
"""
import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SETTINGS = {
    "episodes": 2, "evaluation_episodes": 2, "evaluate_every": 400, "warmup_steps": 300, "critic.width": 32,
    "critic.batch_size": 32, "actor.batch_size": 16, "actor.samples": 4, "actor.steps_per_decision": 1,
    "critic.least_rank_correlation": 0,
}


def call(planner, *words):
    return [planner, *map(str, words), "--quiet", "--threads", "1"]


def results(folder):
    """All files but logs and events."""
    files = {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    return {path: data for path, data in files.items() if not path.name.startswith(("events.", "metrics"))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("planner", type=Path)
    parser.add_argument("--algorithm", default="best-of-n")
    parser.add_argument("--task", default="cartpole")
    parser.add_argument("--env-steps", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    planner, rng = args.planner.resolve(), random.Random(args.seed)
    with tempfile.TemporaryDirectory() as scratch:
        demos, whole, killed = (Path(scratch) / name for name in ("demos", "whole", "killed"))
        subprocess.run(call(planner, "demo", "--task", args.task, "--episodes", 6, "--out", demos), check=True)
        sets = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
        finetune = ["finetune", "--task", args.task, "--data", demos, "--algorithm", args.algorithm, "--env-steps", args.env_steps]
        begun = time.monotonic()
        subprocess.run(call(planner, *finetune, *sets, "--out", whole), check=True)
        took = time.monotonic() - begun
        log = (whole / "episode_log.bin").read_bytes()
        print(f"left alone: {took:.1f} s, a log of {len(log)} bytes")
        kept, kills, done = 0, 0, False
        while not done:
            # A run that has not got as far as its state begins anew.
            go_on = ["--resume"] if (killed / "state.json").exists() else []
            if not go_on and killed.exists():
                subprocess.run(["rm", "-r", killed], check=True)
            words = call(planner, *finetune, *([] if go_on else sets), *go_on, "--out", killed)
            run = subprocess.Popen(words, stderr=subprocess.PIPE)
            if kills < args.kills:
                try:
                    run.wait(rng.uniform(0.1, 0.3 + took / 20))
                except subprocess.TimeoutExpired:
                    run.kill()
            _, told = run.communicate()
            if run.returncode == -9:
                kills += 1
            elif run.returncode != 0:
                sys.exit(f"after {kills} kills: exit {run.returncode}: {told.decode().strip()}")
            else:
                done = True
            path = killed / "episode_log.bin"
            now = path.read_bytes() if path.exists() else b""
            if not log.startswith(now):
                sys.exit(f"after {kills} kills: the log is not the beginning of the other run's")
            if go_on and len(now) < kept:
                sys.exit(f"after {kills} kills: {kept - len(now)} bytes of the log are lost")
            kept = len(now)
            if done and kills < args.kills:
                # It came to its end: the next one begins anew.
                done, kept = not same(whole, killed, kills), 0
                subprocess.run(["rm", "-r", killed], check=True)
        same(whole, killed, kills)
        print(f"{kills} kills, {kills} clean resumes; log and weights are those of the run that was left alone")


def same(whole, killed, kills):
    ours, theirs = results(killed), results(whole)
    if ours.keys() != theirs.keys():
        sys.exit(f"after {kills} kills: other files: {sorted(map(str, ours.keys() ^ theirs.keys()))}")
    differ = [str(path) for path in ours if ours[path] != theirs[path]]
    if differ:
        sys.exit(f"after {kills} kills: not the same bits: {differ}")
    return True


if __name__ == "__main__":
    main()
