#!/usr/bin/env python3
"""Mutated inputs over all commands: no panic, no abort, no hang, nothing half-written, one line for what is refused.

    cargo build --release && python3 tests/mutations.py target/release/planner --count 2000 --seed 1
    python3 tests/mutations.py target/release/planner --only resume run --cases FOLDER

Each trial copies good inputs, changes one of them (a bit, a number, a line, a file that becomes a folder, a link to
/dev/zero or a fifo; or a flag or setting gets an extreme value) and runs a command. It may succeed, be refused (exit 2, one line,
no output left) or fail (exit 1, one line). A run of more than 60 seconds must end within 20 of Ctrl-C. --cases names a folder of
folders, each with inputs and a file `cmd` of shell lines that use `planner`: those inputs are mutated too. A failure is printed
with its seed; --seed N --count 1 repeats it.
"""
import argparse
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

EXTREME = ["0", "-1", "1", "1e300", "-1e300", "1e-300", "nan", "inf", "2147483647", "4294967295", "4294967296", "4611686018427387904",
           "9223372036854775807", "18446744073709551615", "1000000000000", '""', "[]", "true", "null", "0.5"]
TINY = ["network.width=16", "network.blocks=1", "batch_size=8", "samples=2", "warmup_steps=2"]
ONLINE = ["episodes=1", "evaluation_episodes=1", "evaluate_every=20", "warmup_steps=10", "critic.width=16", "critic.batch_size=8",
          "actor.batch_size=8", "actor.samples=2", "critic.least_rank_correlation=0"]
MEMORY = 24 << 30


def sets(words):
    return [word for key in words for word in ("--set", key)]


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.setsid()


def run(planner, words, folder, shell=False):
    """Exit code, standard output and error; the code is 'hang' if it did not even end at Ctrl-C."""
    environment = dict(os.environ, PATH=f"{planner.parent}:{os.environ['PATH']}")
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
        command = ["bash", "cmd"] if shell else [planner, *map(str, words)]
        child = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                 preexec_fn=limited)
        code = None
        for patience, sign in ((60, signal.SIGINT), (20, signal.SIGKILL), (10, signal.SIGKILL)):
            try:
                code = child.wait(patience)
                break
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, sign)
                if sign == signal.SIGKILL:
                    code = "hang"
    return code, (folder / "stdout").read_bytes()[-4000:].decode(errors="replace"), (folder / "stderr").read_bytes()[-4000:].decode(errors="replace")


def mutate(rng, root):
    """Changes one file under `root`; says how."""
    files = sorted(p for p in root.rglob("*") if p.is_file() and p.stat().st_size < 1 << 22 and p.name != "cmd")
    if not files:
        return "nothing"
    path = rng.choice(files)
    data = path.read_bytes()
    name = path.relative_to(root)
    text = b"\0" not in data[:1000] and len(data) > 0
    kinds = ["bit", "byte", "cut", "insert", "double", "kind"] + (["number"] * 6 + ["line", "swap", "word"] * 2 if text else ["bit", "word"])
    kind = rng.choice(kinds)
    if kind == "number" or kind == "word":
        found = list(re.finditer(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?" if kind == "number" else rb"[A-Za-z_]{3,}", data))
        if found:
            at = rng.choice(found)
            new = rng.choice(EXTREME).encode() if kind == "number" else at.group()[::-1]
            path.write_bytes(data[:at.start()] + new + data[at.end():])
            return f"{name}: {at.group()!r} at {at.start()} is now {new!r}"
        kind = "cut"
    place = rng.randrange(len(data) + 1)
    if kind == "kind":
        what = rng.choice(["empty", "folder", "zero", "fifo", "dangling"])
        path.unlink()
        if what == "empty":
            path.write_bytes(b"")
        elif what == "folder":
            path.mkdir()
        elif what == "fifo":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero" if what == "zero" else path.with_name("nowhere"))
        return f"{name} is now: {what}"
    if kind in ("line", "swap"):
        lines = data.splitlines(keepends=True)
        i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
        if kind == "line":
            del lines[i]
        else:
            lines[i], lines[j] = lines[j], lines[i]
        path.write_bytes(b"".join(lines))
        return f"{name}: {kind} {i} {j}"
    if kind in ("bit", "byte") and data:
        place = min(place, len(data) - 1)
        changed = data[place] ^ (1 << rng.randrange(8)) if kind == "bit" else rng.randrange(256)
        path.write_bytes(data[:place] + bytes([changed]) + data[place + 1:])
    elif kind == "cut":
        path.write_bytes(data[:place])
    else:
        length = rng.choice([1, 4, 16, 256])
        more = rng.randbytes(length) if kind == "insert" else data[place:place + length]
        path.write_bytes(data[:place] + more + data[place:])
    return f"{name}: {kind} at {place} of {len(data)}"


def numeric_flags(planner, command):
    text = subprocess.run([planner, *command.split(), "--help"], capture_output=True, text=True).stdout
    return re.findall(r"(--[a-z-]+) <[A-Z_]+>", text)


def setting_keys(planner, command):
    text = subprocess.run([planner, *command.split(), "--settings"], capture_output=True, text=True).stdout
    keys, table = [], ""
    for line in text.splitlines():
        if found := re.match(r"\[([\w.]+)\]", line):
            table = found.group(1) + "."
        elif found := re.match(r"(\w+) = ", line):
            keys.append(table + found.group(1))
    return keys


class Kinds:
    """The kinds of trials, by name: each makes (files to copy, words, whether an output is made)."""

    def __init__(self, planner, good, cases):
        self.planner, self.good, self.cases = planner, good, cases
        run1 = ["run", "--episodes", 1, "--candidates", 4, "--threads", 1, "--quiet"]
        train = ["train", "--steps", 4, "--evaluation-episodes", 0, "--threads", 1, "--quiet", *sets(TINY)]
        self.file_trials = {
            "task": [(["own.toml", "own.xml"], ["inspect", "own.toml"], False),
                     (["own.toml", "own.xml"], [*run1, "--task", "own.toml", "--optimizer", "cma-es", "--proposals", "noise,warm"], False)],
            "data": [(["demos"], ["data", "info", "demos"], False), (["demos"], ["data", "replay", "demos", "--episodes", 1], False),
                     (["demos"], ["data", "convert", "demos", "--out", "out"], True),
                     (["demos"], [*train, "--data", "demos", "--out", "out"], True),
                     (["demos"], ["inspect", "demos"], False)],
            "checkpoint": [(["generator"], [*run1, "--task", "cartpole", "--checkpoint", "generator"], False),
                           (["generator"], ["inspect", "generator"], False)],
            "resume": [(["generator", "demos"], ["train", "--resume", "--steps", 404, "--data", "demos", "--out", "generator",
                                                 "--evaluation-episodes", 0, "--threads", 1, "--quiet"], False),
                       (["online", "demos", "generator"], ["finetune", "--resume", "--task", "cartpole", "--checkpoint", "generator",
                        "--data", "demos", "--env-steps", 80, "--out", "online", "--reward", "progress", "--threads", 1, "--quiet"], False)],
        }
        self.flags = {c: numeric_flags(planner, c) for c in ("run", "train", "demo", "finetune", "distill", "data convert", "data replay",
                                                             "data info", "inspect", "bench rollout", "bench sample")}
        self.words = {
            "run": (["demos", "generator"], [*run1, "--task", "cartpole", "--checkpoint", "generator"]),
            "train": (["demos"], [*train, "--data", "demos", "--out", "out"]),
            "demo": ([], ["demo", "--task", "cartpole", "--episodes", 1, "--out", "out"]),
            "finetune": (["demos", "generator"], ["finetune", "--task", "cartpole", "--checkpoint", "generator", "--reward", "progress", "--env-steps", 20, "--out",
                         "out", "--threads", 1, "--algorithm", "best-of-n", "--quiet", *sets(ONLINE)]),
            "distill": (["demos", "generator"], ["distill", "--teacher", "generator", "--data", "demos", "--steps", 3, "--out", "out",
                        "--evaluation-episodes", 0, "--samples", 2, *sets(TINY[:3])]),
            "data convert": (["demos"], ["data", "convert", "demos", "--out", "out"]),
            "data replay": (["demos"], ["data", "replay", "demos", "--episodes", 1]),
            "data info": (["demos"], ["data", "info", "demos"]),
            "inspect": (["own.toml", "own.xml"], ["inspect", "own.toml"]),
            "bench rollout": ([], ["bench", "rollout", "--task", "cartpole", "--repeats", 1]),
            "bench sample": ([], ["bench", "sample", "--repeats", 1]),
        }
        self.keys = {"train": setting_keys(planner, "train"), "finetune": setting_keys(planner, "finetune --algorithm best-of-n")}

    def trial(self, rng, only, folder):
        names = [*self.file_trials, "flag", "setting", *(["case"] if self.cases else [])]
        name = rng.choice([n for n in names if not only or n in only])
        shell = False
        if name == "case":
            case = rng.choice(self.cases)
            shutil.copytree(case, folder, dirs_exist_ok=True)
            how, words, out, shell = mutate(rng, folder), ["case", case.name], False, True
        elif name in ("flag", "setting"):
            command = rng.choice([*self.flags] if name == "flag" else [*self.keys])
            files, words = self.words[command]
            self.copy(files, folder)
            if name == "flag" and self.flags[command]:
                flag, value = rng.choice(self.flags[command]), rng.choice(EXTREME)
                if flag in words:
                    at = words.index(flag)
                    words = words[:at] + words[at + 2:]
                words = [*words, f"{flag}={value}"]
            else:
                value = f"{rng.choice(self.keys[command])}={rng.choice(EXTREME)}"
                words = [*words, "--set", value]
            how, out = str(words[-1]), "out" in words
        else:
            files, words, out = rng.choice(self.file_trials[name])
            self.copy(files, folder)
            how = mutate(rng, folder)
        return name, how, words, out, shell

    def copy(self, files, folder):
        for file in files:
            source = self.good / file
            (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / file)


def prepare(planner, good):
    calls = [["demo", "--task", "cartpole", "--episodes", 6, "--out", "demos"],
             ["train", "--data", "demos", "--steps", 400, "--out", "generator", "--evaluation-episodes", 0, *sets(TINY)],
             ["finetune", "--task", "cartpole", "--checkpoint", "generator", "--data", "demos", "--env-steps", 40, "--out", "online", "--reward", "progress",
              "--algorithm", "best-of-n", *sets(ONLINE)],
             ["tasks", "--template", "own"]]
    for words in calls:
        made = subprocess.run([planner, *map(str, words), "--quiet"], cwd=good, capture_output=True, text=True)
        if made.returncode != 0:
            sys.exit(f"{words}: {made.stderr}")


def judged(code, out, err, folder, makes):
    """What is wrong; nothing if it is as it should be."""
    if code == "hang":
        return "it does not end"
    if "panicked" in err or "RUST_BACKTRACE" in err or (isinstance(code, int) and code < 0 and code not in (-2, -15)):
        return f"it ended with {code}"
    if code not in (0, 1, 2, 130, -2, -15):
        return f"exit {code}"
    errors = [line for line in err.splitlines() if line.startswith("error")]
    if code in (1, 2) and (len(errors) != 1 or len(errors[0]) > 1500):
        return f"exit {code} with {len(errors)} lines of error"
    left = [str(p.relative_to(folder)) for p in folder.rglob("*") if p.name.startswith(".writing-")]
    if left or (code == 2 and makes and (folder / "out").exists()):
        return f"exit {code}, and it left {left or 'out'}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("planner", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first trial; each has the next")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="+", help="kinds: task data checkpoint resume flag setting case")
    parser.add_argument("--cases", type=Path)
    args = parser.parse_args()
    planner = args.planner.resolve()
    cases = sorted(p.parent for p in args.cases.glob("*/cmd")) if args.cases else []
    failures = []
    with tempfile.TemporaryDirectory() as scratch:
        good = Path(scratch) / "good"
        good.mkdir()
        prepare(planner, good)
        kinds = Kinds(planner, good, cases)

        def one(seed):
            with tempfile.TemporaryDirectory(dir=scratch) as place:
                folder = Path(place)
                name, how, words, makes, shell = kinds.trial(random.Random(seed), args.only, folder)
                code, out, err = run(planner, words, folder, shell)
                wrong = judged(code, out, err, folder, makes) if not shell else (
                    "it panics" if "panicked" in err + out or "Aborted" in err or "Segmentation" in err or code == "hang" else None)
            last = (err.strip().splitlines() or [""])[-1][:300]
            return seed, name, f"{how} | {' '.join(map(str, words))} | {wrong}: {last}" if wrong else None

        with ThreadPoolExecutor(args.jobs) as pool:
            counts = {}
            for seed, name, wrong in pool.map(one, range(args.seed, args.seed + args.count)):
                counts[name] = counts.get(name, 0) + 1
                if wrong:
                    failures.append(wrong)
                    print(f"seed {seed}: {name}: {wrong}", flush=True)
    print(f"{sum(counts.values())} trials ({', '.join(f'{n} {c}' for n, c in sorted(counts.items()))}): {len(failures)} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
