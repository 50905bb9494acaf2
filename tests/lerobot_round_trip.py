#!/usr/bin/env python3
"""A dataset from `planner demo` through the real LeRobot package and back: equal data, equal statistics.

    python3 tests/lerobot_round_trip.py target/release/planner
    python3 tests/lerobot_round_trip.py target/release/planner --python ENVIRONMENT/bin/python   with LeRobot there already

It makes a throw-away environment with LeRobot 0.4.4 and PyTorch (some 8 GB, from PyPI), which goes away at the end, and in it

 1. records demonstrations of `push_t`, of which some have pictures (ours);
 2. opens them with `LeRobotDataset`, compares every frame, and writes them anew with `LeRobotDataset.create`,
    `add_frame` and `save_episode` (theirs);
 3. reads those with `planner data convert` (back), and compares data and statistics of ours, theirs and back.

LeRobot's quantiles of a dataset are means of its episodes' quantiles, ours those of all frames: they are compared between
ours and back only.
"""
import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

# LeRobot asks for an older PyTorch, and for much that its datasets do not need: every package is pinned by its hash.
REQUIREMENTS = Path(__file__).resolve().parent.parent / "benches/peers/lerobot.txt"
TASK = "push_t"


def call(*words):
    subprocess.run([str(word) for word in words], check=True)


def environment(folder):
    venv.create(folder, with_pip=True)
    python = folder / "bin/python"
    call(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-cache-dir", "--no-deps", "--require-hashes",
         "-r", REQUIREMENTS)
    return python


def frames(folder):
    """The columns of a dataset, frames in order, read without LeRobot."""
    import numpy as np
    import pyarrow.parquet as pq

    table = pq.read_table(sorted((folder / "data").rglob("*.parquet"))).sort_by("index")
    names = ["observation.state", "action", "timestamp", "frame_index", "episode_index", "index", "task_index"]
    return {name: np.array(table[name].to_pylist()) for name in names}


def same_data(a, b, what):
    import numpy as np

    a, b = frames(a), frames(b)
    for name in a:
        assert np.array_equal(a[name], b[name]), f"{what}: {name} differs"
    print(f"{what}: {len(a['index'])} frames equal in {len(a)} columns")


def same_statistics(a, b, what, keys, quantiles):
    import numpy as np

    a, b = (json.loads((folder / "meta/stats.json").read_text()) for folder in (a, b))
    stats = ["min", "max", "mean", "std", "count"] + (["q01", "q10", "q50", "q90", "q99"] if quantiles else [])
    worst = 0.0
    for name in keys:
        flat = lambda of, stat: np.array(of[name][stat], dtype=float).ravel()
        span = np.maximum(flat(a, "max") - flat(a, "min"), 1e-9)
        for stat in stats:
            off = np.abs(flat(a, stat) - flat(b, stat)).max() if stat == "count" else (
                np.abs(flat(a, stat) - flat(b, stat)) / span).max()
            assert off <= 1e-5, f"{what}: {stat} of {name} differs by {off} of the range"
            worst = max(worst, off)
    print(f"{what}: {', '.join(stats)} of {', '.join(keys)} equal, within {worst:.0e} of the range")


def inside(planner, scratch):
    """What runs in the environment."""
    import numpy as np
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    for kind, flags in [("state", ["--episodes", 8]), ("pictures", ["--episodes", 2, "--images"])]:
        ours, theirs, back = (scratch / f"{kind}-{name}" for name in ("ours", "theirs", "back"))
        call(planner, "demo", "--task", TASK, *flags, "--out", ours, "--quiet")
        opened = LeRobotDataset("planner/ours", root=ours)
        raw = frames(ours)
        features = {k: f for k, f in opened.features.items() if k.startswith(("observation", "action"))}
        written = LeRobotDataset.create("planner/theirs", opened.fps, features, root=theirs, use_videos=False)
        cameras = [k for k in features if k.startswith("observation.images")]
        for i in range(len(opened)):
            frame = opened[i]
            for name in ["observation.state", "action", "timestamp", "episode_index"]:
                assert np.array_equal(frame[name].numpy(), raw[name][i].astype(frame[name].numpy().dtype)), (name, i)
            # Pictures come as floats of 0 to 1, channels first.
            picture = lambda k: (frame[k].numpy().transpose(1, 2, 0) * 255).round().astype(np.uint8)
            values = {k: picture(k) if k in cameras else frame[k].numpy() for k in features}
            written.add_frame({**values, "task": frame["task"]})
            if i + 1 == len(opened) or opened[i + 1]["frame_index"] == 0:
                written.save_episode()
        written.finalize()
        print(f"{kind}: LeRobot opened {opened.num_episodes} episodes, {len(opened)} frames, and wrote them anew")
        convert = [planner, "data", "convert", theirs, "--task", TASK, "--out", back, "--quiet"]
        call(*convert, *(["--images"] if cameras else []))
        same_data(ours, theirs, f"{kind}, ours and theirs")
        same_data(ours, back, f"{kind}, ours and back")
        same_statistics(ours, theirs, f"{kind}, ours and theirs", ["observation.state", "action"], False)
        same_statistics(ours, back, f"{kind}, ours and back", ["observation.state", "action", "timestamp", *cameras], True)
        again = LeRobotDataset("planner/back", root=back)
        for i in range(0, len(opened), 7):
            for k in cameras:
                assert np.array_equal(again[i][k].numpy(), opened[i][k].numpy()), (k, i)
        if cameras:
            print(f"{kind}: pictures of {', '.join(cameras)} equal")
    print("the round trip holds")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("planner", type=Path)
    arguments.add_argument("--python", type=Path, help="Python that has LeRobot already")
    arguments.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.inside:
        return inside(asked.planner, asked.inside)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        # A link would be followed out of its environment.
        python = asked.python.absolute() if asked.python else environment(scratch / "environment")
        call(python, Path(__file__).resolve(), asked.planner.resolve(), "--inside", scratch)


if __name__ == "__main__":
    main()
