"""How exact must seeing be? Success of a generator of the state on Push-T against errors of the T's pose.

    python examples/python/noisy_state.py CHECKPOINT --data pusht_cchi_v7_replay.zarr --out FOLDER

CHECKPOINT is what `python -m imle_planner.bench pusht` has trained. Errors are Gaussian, new at every step, in pixels of a
picture of 96, of both coordinates and at 60 units from the middle of the T.
"""

import argparse
from pathlib import Path

import imle_planner as ip
import numpy as np
from imle_planner.bench.grounds.pusht import PushT
from imle_planner.bench.suite import load

#: Units of Push-T in a pixel, and its distance from the middle that an error of the angle is measured at.
PIXEL, ARM = 512 / 96, 60.0

parser = argparse.ArgumentParser()
parser.add_argument("checkpoint")
parser.add_argument("--data", required=True)
parser.add_argument("--out", type=Path, required=True, help="where the converted demonstrations lie")
parser.add_argument("--episodes", type=int, default=100)
parser.add_argument("--threads", type=int)


def main() -> None:
    flags = parser.parse_args()
    suite = load("pusht")
    place = PushT(suite)
    place.demonstrations(flags.data, flags.out)
    options = place.evaluation(range(suite.tune[0], suite.tune[0] + flags.episodes))
    exact, rng = options.pop("observation"), np.random.default_rng(0)
    for pixels in (0.0, 0.25, 0.5, 1.0, 2.0, 4.0):
        deviations = pixels * PIXEL * np.array([0.0, 0.0, 1.0, 1.0, 1.0 / ARM])

        def seen(state: np.ndarray) -> np.ndarray:
            return exact(state + rng.normal(size=5) * deviations)

        for execute in (8, 4):
            found = ip.evaluate(flags.checkpoint, execute=execute, observation=seen, threads=flags.threads, **options)
            print(f"{pixels} pixels, T_act {execute}: {found}", flush=True)


if __name__ == "__main__":
    main()
