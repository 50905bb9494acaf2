#!/usr/bin/env python3
"""Compare the answers of two versions of the program on this machine: weights, chunks, episodes, datasets.

    make golden OLD=252fef8                                    # builds both, compares; exit code 1 if they differ
    python3 tests/golden/golden.py --old 252fef8 --record F    # answers of OLD into the folder F, nothing compared
    python3 tests/golden/golden.py --against F                 # the working tree beside recorded answers
    python3 tests/golden/golden.py --old-bin A --new-bin B --only 'run/*'

OLD is a commit, built once in the cache folder; NEW is the working tree. Both run the same cases with the same
seeds, on the same processor: bits depend on its vector instructions.

renames.toml beside this file maps old names to new ones: flags, settings, JSON keys, values, tensors, files. A case
is written in old names, and each program is called with the names that it knows. Answers are compared under the new
names. expected.toml says what may differ, and why. Needs Python 3.11 and only its standard library.
"""
import argparse
import fcntl
import fnmatch
import hashlib
import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from array import array
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Seconds that one call may take.
PATIENCE = 900
ANSWERS = "answers.json"


class Failed(Exception):
    """A call of the program ended badly."""


# -------------------------------------------------------------------------------------------------------------- renames

class Renames:
    """The table of old and new names."""

    def __init__(self, path):
        table = tomllib.loads(path.read_text())
        unknown = set(table) - {"flags", "settings", "keys", "values", "tensors", "files"}
        if unknown:
            sys.exit(f"{path}: unknown table `{sorted(unknown)[0]}`")
        self.flags, self.settings, self.keys, self.values, self.tensors, self.files = (
            table.get(name, {}) for name in ("flags", "settings", "keys", "values", "tensors", "files"))

    def tensor(self, name):
        """The new name of a tensor; an entry that ends in a dot renames a prefix."""
        for old, new in self.tensors.items():
            if name == old:
                return new
            if old.endswith(".") and name.startswith(old):
                return new + name[len(old):]
        return name

    def value(self, value):
        """`value` of an answer under the new names."""
        if isinstance(value, dict):
            if "tensors" in value:
                return {"tensors": {self.tensor(name): told for name, told in value["tensors"].items()}}
            return {self.key(key): self.value(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner) for inner in value]
        return self.values.get(value, value) if isinstance(value, str) else value

    def key(self, key):
        """The new name of a JSON key or of a file's path in a folder."""
        if key in self.keys:
            return self.keys[key]
        return "/".join(self.files.get(part, part) for part in key.split("/")) if "/" in key or "." in key else key


# ---------------------------------------------------------------------------------------------------------- the program

class Program:
    """One version of the program, with a folder of its own to work in."""

    def __init__(self, binary, folder, renames, seed_offset=0):
        self.binary, self.folder, self.renames, self.seed_offset = binary, folder, renames, seed_offset
        self.texts = {}
        folder.mkdir(parents=True)

    def path(self, name):
        return self.folder / name

    def ask(self, words):
        """What the program prints for `words`, remembered."""
        key = tuple(words)
        if key not in self.texts:
            done = subprocess.run([self.binary, *words], capture_output=True, text=True, timeout=PATIENCE)
            self.texts[key] = done.stdout
        return self.texts[key]

    def spelled(self, words):
        """`words`, in old names, with the flags and settings that this version knows."""
        command = [words[0]] if words[0] != "data" else words[:2]
        algorithm = words[words.index("--algorithm"):][:2] if "--algorithm" in words else []
        spelled = []
        for before, word in zip([""] + words, words):
            if word in self.renames.flags:
                new = self.renames.flags[word]
                word = new if re.search(rf"(?m)(^|\s){new}\b(?!-)", self.ask([*command, "--help"])) else word
            elif before == "--set":
                key, value = word.split("=", 1)
                new = self.renames.settings.get(key, key)
                if new != key:
                    known = self.ask([command[0], *algorithm, "--settings"])
                    key = new if re.search(rf"(?m)^#? ?{new.split('.')[-1]} = ", known) else key
                word = f"{key}={value}"
            elif before == "--seed":
                word = str(int(word) + self.seed_offset)
            spelled.append(word)
        return spelled

    def call(self, words, *more):
        """Runs to the end, which must be a good one; returns the JSON object that it prints."""
        words = [*self.spelled(words.split()), *map(str, more), "--json", "--quiet"]
        done = subprocess.run([self.binary, *words], capture_output=True, text=True, timeout=PATIENCE, cwd=self.folder)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise Failed(f"{words[0]}: exit code {done.returncode}: {last}")
        return json.loads(done.stdout)

    def file(self, folder, name):
        """The file `name` in `folder`, under its old or new name."""
        place = folder / name
        return place if place.exists() else folder / self.renames.files.get(name, name)

    # What is read of a folder.

    def weights(self, folder):
        """{"tensors": {name: [type, shape, sha256, sum]}} of a checkpoint."""
        data = self.file(folder, "model.safetensors").read_bytes()
        size = int.from_bytes(data[:8], "little")
        header, body = json.loads(data[8:8 + size]), memoryview(data)[8 + size:]
        header.pop("__metadata__", None)
        tensors = {}
        for name, told in header.items():
            begin, end = told["data_offsets"]
            raw = body[begin:end]
            # The sum shows whether a difference is one of rounding.
            total = math.fsum(array("f", bytes(raw))) if told["dtype"] == "F32" else None
            tensors[name] = [told["dtype"], told["shape"], hashlib.sha256(raw).hexdigest(), total]
        return {"tensors": tensors}

    def lines(self, folder, name):
        """The objects of a JSONL file."""
        return [json.loads(line) for line in self.file(folder, name).read_text().splitlines()]

    def losses(self, folder):
        """The losses of a training's log."""
        lines = self.lines(folder, "metrics.jsonl")
        return [{key: value for key, value in line.items() if key == "step" or "loss" in key} for line in lines]

    def dataset(self, folder):
        """sha256 of a dataset's Parquet files and its JSON files as they are."""
        answer = {}
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            name = str(path.relative_to(folder))
            data = path.read_bytes()
            answer[name] = json.loads(data) if path.suffix == ".json" else hashlib.sha256(data).hexdigest()
        for info in answer.values():
            if isinstance(info, dict) and isinstance(info.get("planner"), dict):
                info["planner"].pop("version", None)
        return answer


# ---------------------------------------------------------------------------------------------------------------- cases

# What is compared of an episode, a decision, a round of fine-tuning and an answer of `serve`.
EPISODE = ("episode", "success", "failure", "lost", "mode", "steps", "mean_cost")
DECISION = ("episode", "decision", "source", "predicted", "realised", "rollouts")
ROUND = ("round", "env_steps", "simulation_steps", "gradient_steps", "collect_success_rate", "success_rate")
ANSWER = ("episode", "decision", "chunk", "execute", "source", "predicted", "quality", "rollouts", "failed",
          "observations", "state", "qpos", "qvel", "ctrl")

CASES = {}


def case(name, *needs, **selected):
    """Adds a case: its name, those that must run before it, and what is compared of its parts (default: all)."""
    def add(function):
        CASES[name] = (function, needs, selected)
        return function
    return add


@case("demo/stack")
def demo_stack(program):
    program.call("demo --task stack --episodes 10 --seed 3 --threads 2 --out demos")
    return {"files": program.dataset(program.path("demos"))}


@case("demo/lift")
def demo_lift(program):
    program.call("demo --task lift --episodes 4 --poor 0.5 --seed 4 --threads 1 --out demos-lift")
    return {"files": program.dataset(program.path("demos-lift"))}


@case("demo/pictures")
def demo_pictures(program):
    program.call("demo --task lift --episodes 2 --images --seed 4 --threads 2 --out pictures")
    return {"files": program.dataset(program.path("pictures"))}


@case("convert/records")
def convert_records(program):
    write_records(program.path("records"))
    told = program.call("data convert records --out converted")
    return {"files": program.dataset(program.path("converted")), "spec": told["spec"]}


@case("convert/lerobot", "demo/lift")
def convert_lerobot(program):
    told = program.call("data convert demos-lift --rate 7 --resample --out resampled")
    return {"files": program.dataset(program.path("resampled")), "spec": told["spec"]}


@case("replay", "demo/lift")
def replay(program):
    """Of a dataset that knows no seeds: the start is found from the first observation."""
    program.call("data convert demos-lift --out copied")
    told = program.call("data replay copied --episode 1")
    return {"drift": told["drift"], "outcome": [told["success"], told["start_recalled"]]}


SMALL = "--set network.width=64 --set network.blocks=2 --set batch_size=32 --set warmup_steps=20 --threads 2"


def train(program, name, words, data="demos"):
    program.call(f"train --data {data} --seed 5 --evaluation-episodes 0 {words}", "--out", name)
    folder = program.path(name)
    return {"weights": program.weights(folder), "loss": program.losses(folder)}


@case("train/imle", "demo/stack")
def train_imle(program):
    """The default network, some of it with what is rarely set."""
    return train(program, "trained", "--set steps=300 --set batch_size=64 --set warmup_steps=50 --threads 2")


@case("train/imle-options", "demo/stack")
def train_imle_options(program):
    return train(program, "trained-options", f"{SMALL} --set steps=100 --set gradient_threads=2 --set residual=true "
                 "--set quality=2 --set epsilon_start=8 --set epsilon_decay=0.9 --set network.latent=8")


def of_method(name, words):
    """A case of another method or network."""
    case(f"train/{name}", "demo/stack")(lambda program: train(program, f"trained-{name}", f"{SMALL} {words}"))


of_method("regression", "--method regression --set steps=60")
of_method("diffusion", "--method diffusion --set steps=60")
of_method("flow", "--method flow --set steps=60")
of_method("mean-flow", "--method mean-flow --set steps=60")
of_method("transformer", "--set network.kind=transformer --set network.width=32 --set samples=4 --set steps=30")
of_method("unet", "--set network.kind=unet --set network.down_dims=[16,32] --set samples=4 --set steps=20")


@case("train/cameras", "demo/pictures")
def train_cameras(program):
    words = f"{SMALL} --cameras front --set steps=20 --set batch_size=8 --set samples=4"
    return train(program, "trained-cameras", words, "pictures")


@case("distill", "demo/stack", "train/diffusion")
def distill(program):
    program.call("distill --teacher trained-diffusion --data demos --episodes 2 --samples 4 --passes 4 --seed 5 "
                 f"--evaluation-episodes 0 {SMALL} --set steps=60", "--out", "distilled")
    return {"weights": program.weights(program.path("distilled"))}


def finetune(program, name, words):
    told = program.call(f"finetune --task stack --data demos --seed 6 --threads 2 {words}", "--out", name)
    return {"weights": program.weights(program.path(name)), "rounds": told["rounds"]}


ITERATION = ("--algorithm expert-iteration --env-steps 1 --set episodes_per_round=4 --set candidates=8 "
             "--set train_steps=60 --set batch_size=32 --set evaluation_episodes=4")
ONLINE = ("--env-steps 900 --set episodes=3 --set evaluation_episodes=4 --set evaluate_every=500 "
          "--set warmup_steps=300 --set critic.width=64 --set critic.batch_size=32 "
          "--set critic.least_rank_correlation=0 --set actor.batch_size=32 --set actor.samples=4")


@case("finetune/expert-iteration", "demo/stack", rounds=ROUND)
def expert_iteration(program):
    return finetune(program, "expert", ITERATION)


@case("finetune/expert-iteration-options", "demo/stack", rounds=ROUND)
def expert_iteration_options(program):
    words = ("--env-steps 400 --set planner_rounds=1 --set student_share=0.5 --set smooth=[2.0,1.0] --set ladder=[2,4] "
             "--set ladder_episodes=2 --set kept_rounds=1 --set optimizer=mppi --set pace=0 --set tolerance=0")
    return finetune(program, "expert-options", f"{ITERATION} {words}".replace("--env-steps 1 ", ""))


@case("finetune/best-of-n", "demo/stack", rounds=ROUND)
def best_of_n(program):
    return finetune(program, "best", f"--algorithm best-of-n {ONLINE}")


@case("finetune/best-of-n-no-elites", "demo/stack", rounds=ROUND)
def best_of_n_no_elites(program):
    return finetune(program, "best-plain", f"--algorithm best-of-n {ONLINE} --set best_of_n.elite_share=0")


@case("finetune/ppo", "demo/stack", rounds=ROUND)
def ppo(program):
    return finetune(program, "ppo", f"--algorithm ppo {ONLINE} --set ppo.epochs=2")


def of_run(name, words, *needs):
    """Cases of `run`, at one and at two threads."""
    def run(program, threads):
        folder = f"run-{name.replace('/', '-')}-{threads}"
        program.call(f"run {words} --seed 7 --threads {threads}", "--out", folder)
        folder = program.path(folder)
        return {part: program.lines(folder, f"{part}.jsonl") for part in ("episodes", "decisions")}
    for threads in (1, 2):
        add = case(f"run/{name}/{threads}-threads", *needs, episodes=EPISODE, decisions=DECISION)
        add(lambda program, threads=threads: run(program, threads))


SEARCHES = {"stack": "cem", "push_t": "cma-es", "avoid": "mode-preserving", "lift": "ilqg", "cartpole": "mppi"}
for task, search in SEARCHES.items():
    episodes = 2 if task in ("cartpole", "push_t") else 3
    common = f"--task {task} --episodes {episodes}"
    of_run(f"{task}/alone", f"{common} --planner none")
    of_run(f"{task}/predictive-sampling", f"{common} --planner predictive-sampling --candidates 8")
    of_run(f"{task}/{search}", f"{common} --planner {search} --candidates 16")
of_run("stack/dial-slack-stay", "--task stack --episodes 2 --planner dial --candidates 16 --slack 0.02 --stay 0.1 "
       "--space cubic")
for task in ("kitchen", "square", "pick_place", "cylinder_push"):
    of_run(f"{task}/predictive-sampling", f"--task {task} --episodes 1 --candidates 8")
of_run("stack/depth", "--task stack --episodes 1 --candidates 4 --depth 2 --beam 2 --branches 2")
of_run("stack/models", "--task stack --episodes 1 --candidates 4 --models none,heavy --risk worst --temperature 0.8")
of_run("stack/abort", "--task stack --episodes 2 --candidates 16 --shortcuts abort --latents antithetic")
of_run("lift/budget", "--task lift --episodes 2 --candidates 16 --budget auto:0.1 --proposals imle,warm,noise")
of_run("lift/retrieval", "--task lift --episodes 2 --planner cma-es --candidates 16 --demonstrations demos-lift "
       "--proposals retrieval+noise,warm", "demo/lift")
of_run("lift/cameras", "--task lift --episodes 1 --planner none --checkpoint trained-cameras", "train/cameras")
of_run("push_t/latent", "--task push_t --episodes 1 --planner cem --candidates 16 --space latent "
       "--mismatch slippery")
of_run("stack/typical", "--task stack --episodes 3 --planner none --choice typical --candidates 8")
of_run("push_t/consistent", "--task push_t --episodes 2 --planner none --choice consistent --candidates 8")


def of_serve(name, words, *needs):
    """A case of `serve`: start states, decisions with and without a warm start, an observation between them."""
    def run(program):
        with Server(program, words) as server:
            starts = [server.ask(type="example", episode=episode) for episode in (0, 1)]
            begin = {key: starts[0][key] for key in ("observations", "state")}
            reduced = {key: starts[1][key] for key in ("qpos", "qvel")}
            asked = [
                server.ask(type="decide", reset=True, episode=0, **begin),
                server.ask(type="decide", **begin),
                server.ask(type="decide", executed=3, **begin),
                server.ask(type="observe", observations=[starts[0]["observations"][-1]]),
                server.ask(type="decide", state=begin["state"]),
                server.ask(type="decide", reset=True, episode=1, **reduced),
                server.ask(type="decide", **reduced),
            ]
            return {"starts": starts, "answers": asked}
    case(f"serve/{name}", *needs, starts=ANSWER, answers=ANSWER)(run)


of_serve("stack", "--task stack --candidates 8")
of_serve("cartpole", "--task cartpole --planner cma-es --candidates 16")
of_serve("stack-trained-alone", "--task stack --planner none --checkpoint trained", "train/imle")
of_serve("stack-diffusion-alone", "--task stack --planner none --checkpoint trained-diffusion --passes 5",
         "train/diffusion")
of_serve("lift-alone", "--task lift --planner none")


class Server:
    """`planner serve` and a connection to it."""

    def __init__(self, program, words):
        # Not in the work folder, whose path may be too long for a socket.
        self.scratch = tempfile.mkdtemp(prefix="golden-")
        path, log = f"{self.scratch}/s", open(f"{self.scratch}/log", "w+")
        words = [*program.spelled(f"serve {words} --seed 8 --threads 2".split()), "--socket", path]
        self.child = subprocess.Popen([program.binary, *words], cwd=program.folder, stdout=log, stderr=log)
        begun = time.monotonic()
        while True:
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.settimeout(PATIENCE)
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                if self.child.poll() is not None or time.monotonic() - begun > PATIENCE:
                    log.seek(0)
                    last = (log.read().strip().splitlines() or ["no message"])[-1]
                    self.__exit__()
                    raise Failed(f"serve: {last}") from None
                time.sleep(0.05)
        self.lines = self.socket.makefile("rb")
        self.read()

    def read(self):
        line = self.lines.readline()
        if not line.endswith(b"\n"):
            raise Failed("serve: closed the connection")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(f"serve: {answer['error']}")
        return answer

    def ask(self, **request):
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        return self.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(60)
            except subprocess.TimeoutExpired:
                self.child.kill()
        shutil.rmtree(self.scratch, ignore_errors=True)


def write_records(folder):
    """Records of a robot as CSV files: uneven times, millimetres, degrees, a frame, a yaw."""
    folder.mkdir()
    (folder / "record.toml").write_text("""\
task = "push"
control_rate = 20
time = "time"
time_unit = "ms"
success = "solved"

[frame.base]
position = [0.1, 0.0, 0.72]
quaternion = [0.8, 0.0, 0.0, 0.6]

[[observation]]
name = "finger"
columns = ["joint_1", "joint_2"]
unit = "deg"
[[observation]]
name = "puck"
columns = ["x", "y", "z"]
unit = "mm"
kind = "position"
frame = "base"

[[action]]
name = "grip"
between = "linear"
""")
    for number in range(3):
        rows = ["time,joint_1,joint_2,x,y,z,grip,solved"]
        for step in range(40):
            # Exact in binary, so that no library of mathematics takes part.
            wave = ((step * 37 + number * 11) % 64) / 64
            time_ms = step * 30 + (step * step) % 7
            values = [time_ms, 90 * wave, -45 * wave, 500 * wave, step * 0.5, 100 + number, wave - 0.5]
            rows.append(",".join(map(str, values)) + ",true")
        (folder / f"{number:03}.csv").write_text("\n".join(rows) + "\n")


# ------------------------------------------------------------------------------------------------ running and comparing

def chosen(patterns):
    """Names of the cases that `patterns` select, and of those with what they need."""
    def matches(name):
        return any(fnmatch.fnmatch(name, pattern) or pattern.startswith(f"{name}/") for pattern in patterns)
    wanted = [name for name in CASES if not patterns or matches(name)]
    needed, stack = set(wanted), list(wanted)
    while stack:
        for need in CASES[stack.pop()][1]:
            if need not in needed:
                needed.add(need)
                stack.append(need)
    return wanted, [name for name in CASES if name in needed]


def answers_of(program, names, label):
    """The answers of a program: by case a dict of its parts, or {"failed": why}."""
    answers = {}
    for name in names:
        function, needs, _ = CASES[name]
        begun = time.monotonic()
        missing = [need for need in needs if "failed" in answers[need]]
        try:
            answers[name] = {"failed": f"needs {missing[0]}"} if missing else function(program)
        except KeyError as error:
            answers[name] = {"failed": f"no key {error} in an answer"}
        except (Failed, OSError, subprocess.TimeoutExpired, ValueError) as error:
            answers[name] = {"failed": str(error)}
        print(f"  {label} {name}: {time.monotonic() - begun:.1f} s", file=sys.stderr, flush=True)
    return answers


def select(value, keys):
    """Of every object of a list, what is compared."""
    if keys is None:
        return value
    return [{key: row.get(key) for key in keys if key in row} for row in value]


def difference(old, new, place=""):
    """The first difference of two values, as text; none if they are equal."""
    if isinstance(old, dict) and isinstance(new, dict):
        if set(old) == {"tensors"} == set(new):
            return tensor_difference(old["tensors"], new["tensors"])
        for key in [*old, *(key for key in new if key not in old)]:
            at = f"{place}.{key}" if place else key
            if key not in new or key not in old:
                return f"{at}: only in {'old' if key in old else 'new'}"
            found = difference(old[key], new[key], at)
            if found:
                return found
        return None
    if isinstance(old, list) and isinstance(new, list):
        for i, (a, b) in enumerate(zip(old, new)):
            found = difference(a, b, f"{place}[{i}]")
            if found:
                return found
        return None if len(old) == len(new) else f"{place}: {len(old)} -> {len(new)} entries"
    if isinstance(old, bool) != isinstance(new, bool) or old != new:
        return f"{place}: {shown(old)} -> {shown(new)}"
    return None


def tensor_difference(old, new):
    """As `difference`, of weights: how many tensors differ, and the first of them by its sum."""
    only = sorted(set(old) ^ set(new))
    if only:
        return f"{len(only)} tensors in one only: {only[0]}"
    differing = [name for name in old if old[name][:3] != new[name][:3]]
    if not differing:
        return None
    name = differing[0]
    if old[name][:2] != new[name][:2]:
        return f"{name}: {shown(old[name][:2])} -> {shown(new[name][:2])}"
    return f"{len(differing)} of {len(old)} tensors; {name}: sum {shown(old[name][3])} -> {shown(new[name][3])}"


def shown(value):
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def compare(old, new, names, renames):
    """Rows (item, difference or None) of all parts of the cases."""
    rows = []
    for name in names:
        selected = CASES[name][2]
        before, after = old.get(name), new[name]
        if before is None:
            rows.append((name, "not recorded"))
        elif "failed" in before or "failed" in after:
            sides = [("old", before), ("new", after)]
            told = [f"{side} {answer['failed']}" for side, answer in sides if "failed" in answer]
            rows.append((name, "failed: " + "; ".join(told)))
        else:
            before, after = renames.value(before), renames.value(after)
            for part in after:
                keys = selected.get(part) and [renames.key(key) for key in selected[part]]
                found = difference(select(before.get(part), keys), select(after[part], keys))
                rows.append((f"{name}/{part}", found))
    return rows


def report(rows, expected):
    """Prints the table; returns whether all is as it should be."""
    good, width = True, max(len(item) for item, _ in rows)
    for item, found in rows:
        why = next((e["why"] for e in expected if fnmatch.fnmatch(item, e["item"])), None)
        if found is None:
            result = "equal" if why is None else "equal (may differ)"
        elif why is not None and not found.startswith("failed"):
            result = f"differs as expected ({why}): {found}"
        else:
            good, result = False, f"DIFFERS: {found}"
        print(f"{item:{width}}  {result}")
    return good


# --------------------------------------------------------------------------------------------------------------- builds

def cache_folder():
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "planner" / "golden"
    base.mkdir(parents=True, exist_ok=True)
    return base


def run(words, **more):
    subprocess.run(list(map(str, words)), check=True, **more)


def output_of(words):
    return subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT).stdout.strip()


def build_old(commit):
    """The program of `commit`: built in a worktree in the cache folder, with one target folder for all such commits."""
    sha = output_of(["git", "rev-parse", "--verify", f"{commit}^{{commit}}"])
    base = cache_folder()
    tree, binary = base / sha, base / "bin" / sha
    with open(base / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if binary.exists():
            return binary
        if not tree.exists():
            run(["git", "worktree", "prune"], cwd=ROOT)
            run(["git", "worktree", "add", "--quiet", "--detach", tree, sha], cwd=ROOT)
        run([sys.executable, "configs/native/fetch.py", "setup"], cwd=tree)
        target = {"CARGO_TARGET_DIR": str(base / "target")}
        run(["cargo", "build", "--release", "--locked"], cwd=tree, env={**os.environ, **target})
        binary.parent.mkdir(exist_ok=True)
        shutil.copy2(base / "target" / "release" / "planner", f"{binary}.tmp")
        os.replace(f"{binary}.tmp", binary)
        run(["git", "worktree", "remove", "--force", tree], cwd=ROOT)
    return binary


def build_new():
    """The program of the working tree."""
    run([sys.executable, "configs/native/fetch.py", "setup"], cwd=ROOT)
    run(["cargo", "build", "--release", "--locked"], cwd=ROOT)
    told = json.loads(output_of(["cargo", "metadata", "--no-deps", "--format-version", "1", "--locked"]))
    return Path(told["target_directory"]) / "release" / "planner"


def processor():
    """The model of this machine's processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


# ----------------------------------------------------------------------------------------------------------------- main

def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    old = parser.add_mutually_exclusive_group(required=True)
    old.add_argument("--old", metavar="COMMIT", help="build this commit in the cache folder")
    old.add_argument("--old-bin", metavar="FILE", type=Path, help="a program that is built already")
    old.add_argument("--against", metavar="FOLDER", type=Path, help="answers that --record wrote")
    old.add_argument("--list", action="store_true", help="print the names of the cases and stop")
    parser.add_argument("--new-bin", metavar="FILE", type=Path,
                        help="a program that is built already [default: build the working tree]")
    parser.add_argument("--record", metavar="FOLDER", type=Path, help="write the answers of OLD there and stop")
    parser.add_argument("--only", metavar="ITEM", action="append", default=[],
                        help="only these cases, and what they need; * and ? match; may be repeated")
    parser.add_argument("--keep", action="store_true", help="keep what the programs wrote, and say where")
    parser.add_argument("--new-seed-offset", metavar="N", type=int, default=0,
                        help="add N to every seed of NEW: all must then differ (tries this comparison itself)")
    return parser.parse_args()


def main():
    args = arguments()
    if args.list:
        print("\n".join(CASES))
        return 0
    renames = Renames(HERE / "renames.toml")
    expected = tomllib.loads((HERE / "expected.toml").read_text()).get("expected", [])
    wanted, names = chosen(args.only)
    if not wanted:
        sys.exit(f"no case matches {', '.join(args.only)}; --list names them")
    binaries = {}
    if not args.against:
        binaries["old"] = (args.old_bin or build_old(args.old)).resolve()
    if not args.record:
        binaries["new"] = (args.new_bin or build_new()).resolve()
    recorded = json.loads((args.against / ANSWERS).read_text()) if args.against else None
    if recorded and recorded["processor"] != processor():
        print(f"warning: recorded on {recorded['processor']}; on another processor bits may differ", file=sys.stderr)
    work = Path(tempfile.mkdtemp(prefix="work-", dir=cache_folder()))
    begun = time.monotonic()
    try:
        programs = {side: Program(binary, work / side, renames, args.new_seed_offset if side == "new" else 0)
                    for side, binary in binaries.items()}
        with ThreadPoolExecutor(len(programs)) as pool:
            running = {side: pool.submit(answers_of, program, names, side) for side, program in programs.items()}
            answers = {side: future.result() for side, future in running.items()}
    finally:
        if args.keep:
            print(f"kept: {work}", file=sys.stderr)
        else:
            shutil.rmtree(work, ignore_errors=True)
    if args.record:
        failed = [(name, answer["failed"]) for name, answer in answers["old"].items() if "failed" in answer]
        for name, why in failed:
            print(f"{name}: failed: {why}")
        args.record.mkdir(parents=True, exist_ok=True)
        record = {"program": args.old or str(args.old_bin), "processor": processor(), "answers": answers["old"]}
        (args.record / ANSWERS).write_text(json.dumps(record) + "\n")
        print(f"{len(names)} cases recorded in {args.record / ANSWERS} in {time.monotonic() - begun:.0f} s")
        return 1 if failed else 0
    old = recorded["answers"] if recorded else answers["old"]
    good = report(compare(old, answers["new"], wanted, renames), expected)
    print(f"{'all as expected' if good else 'answers differ'}; {time.monotonic() - begun:.0f} s", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
