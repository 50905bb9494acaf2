#!/usr/bin/env python3
"""The outcomes of `lerobot-eval` beside those of `planner run`: episode by episode, with the real LeRobot.

    python python/tests/lerobot_eval.py                          16 episodes of stack with the shipped checkpoint
    python python/tests/lerobot_eval.py --task push_t --episodes 32

It runs in the Python that has LeRobot, imle_planner and both plug-ins: this one, or that of `$PLANNER_PYTHON312`. The
program is `$PLANNER_PROGRAM`, or the one in target/. Exit code 0 if all outcomes are equal.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from program import ROOT, program, run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="stack", help="built-in task [stack]")
    parser.add_argument("--checkpoint", type=Path, help="folder of a checkpoint [the one shipped for the task]")
    parser.add_argument("--episodes", type=int, default=16, help="episodes, all in one batch [16]")
    arguments = parser.parse_args()
    if program() is None:
        print("the program is not built: cargo build --release", file=sys.stderr)
        return 2
    python = os.environ.get("PLANNER_PYTHON312", sys.executable)
    needs = "import lerobot, lerobot_policy_imle, lerobot_env_imle, imle_planner"
    if subprocess.run([python, "-c", needs], capture_output=True).returncode != 0:
        print(f"{python} lacks LeRobot or a plug-in: python3 python/lerobot/environment.py FOLDER", file=sys.stderr)
        return 2
    checkpoint = arguments.checkpoint or ROOT / "configs/checkpoints" / arguments.task
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        flags = ["--task", arguments.task, "--checkpoint", checkpoint, "--optimizer", "none", "--json", "--quiet"]
        ours = json.loads(run("run", *flags, "--episodes", arguments.episodes))
        wanted = [number not in ours["unsolved"] for number in range(arguments.episodes)]
        call = lambda *words: subprocess.run([python, *map(str, words)], check=True, env=environment(place))
        call("-m", "imle_planner.export", "--to", "lerobot", checkpoint, "--out", place / "policy")
        call(
            "-m",
            "lerobot.scripts.lerobot_eval",
            f"--policy.path={place / 'policy'}",
            # Of the task, where its file says so.
            f"--policy.n_action_steps={ours['execute']}",
            "--env.type=imle",
            f"--env.task={arguments.task}",
            f"--eval.n_episodes={arguments.episodes}",
            f"--eval.batch_size={arguments.episodes}",
            "--eval.use_async_envs=false",
            "--seed=0",
            # Recorded, and not drawn: LeRobot makes videos otherwise, which takes most of the time.
            "--eval.recording=true",
            f"--output_dir={place / 'eval'}",
        )
        theirs = json.loads((place / "eval/eval_info.json").read_text())
    found = [bool(x) for x in theirs["per_task"][0]["metrics"]["successes"]]
    equal = sum(a == b for a, b in zip(wanted, found, strict=True))
    print(f"{equal} of {arguments.episodes} outcomes equal; solved: program {sum(wanted)}, LeRobot {sum(found)}")
    return 0 if equal == arguments.episodes else 1


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf")}


if __name__ == "__main__":
    sys.exit(main())
