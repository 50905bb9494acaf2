"""A Gymnasium environment of others, from demonstrations to evaluation: Push-T in gym-pusht.

    $(python3 python/make.py path) -m pip install "gym-pusht==0.1.8" "pymunk<7"
    $(python3 python/make.py path) examples/python/third_party.py pusht_cchi_v7_replay.zarr

The demonstrations are Diffusion Policy's: 206 human episodes, in pusht.zip of
https://diffusion-policy.cs.columbia.edu/data/training. The policy sees the agent and nine points of the T, as there. It
trains for some ten minutes of a core. An episode counts as solved when over 95 % of the goal is covered.
"""

import argparse
import pathlib

import numpy as np

import imle_planner as ip


def turned(angle):
    """Rotation matrices (n, 2, 2) of angles (n,)."""
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)


def points_of_the_t(data):
    """The nine points (9, 2) in the frame of the T, from demonstrations that have both points and pose."""
    rows = np.concatenate([episode["observation"] for episode in ip.read_dataset(data)])
    points, place, angle = rows[:, :18].reshape(-1, 9, 2), rows[:, 20:22], rows[:, 22]
    return np.einsum("nij,nkj->ki", turned(-angle), points - place[:, None]) / len(rows)


def start(k):
    """What start k of the demonstrations and of Diffusion Policy is reset with."""
    r = np.random.RandomState(k)
    place = [r.randint(50, 450), r.randint(50, 450), r.randint(100, 400), r.randint(100, 400)]
    return {"reset_to_state": np.array([*place, r.randn() * 2 * np.pi - np.pi])}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("zarr", help="the demonstrations")
    parser.add_argument("--out", default="runs/pusht", type=pathlib.Path)
    parser.add_argument("--steps", default=12_000, type=int, help="training steps")
    parser.add_argument("--episodes", default=200, type=int, help="episodes of the evaluation")
    parser.add_argument("--first", default=200_000, type=int, help="its first start; demonstrations used 0 to 205")
    parser.add_argument("--execute", default=4, type=int, help="actions executed of a chunk")
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    data, poses, out = args.out / "data", args.out / "poses", args.out / "policy"
    if not out.exists():
        columns = ["keypoint", "state[0:2]"]
        for folder, more in ((data, []), (poses, ["state[2:5]"])):
            ip.convert_dataset(args.zarr, folder, name="push_t", control_rate=10.0, observation=columns + more)
        policy = ip.train(data, steps=args.steps, chunk_frame="residual", out=out, threads=args.threads)
    policy, points = ip.Policy.load(out), points_of_the_t(poses)

    def observation(state):
        """What the policy sees of (agent x, agent y, block x, block y, block angle)."""
        seen = points @ turned(state[4]).T + state[2:4]
        return np.concatenate([seen.reshape(-1), state[:2]])

    starts = [start(k) for k in range(args.first, args.first + args.episodes)]
    found = ip.evaluate(
        policy, "gym_pusht/PushT-v0", starts=starts, observation=observation, execute=args.execute,
        env_kwargs={"obs_type": "state"}, threads=args.threads,
    )
    print(f"starts {args.first} to {args.first + args.episodes - 1}, {args.execute} actions of a chunk: {found}")


if __name__ == "__main__":
    main()
