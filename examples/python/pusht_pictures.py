"""Push-T from pictures and the agent's position, with the human demonstrations of Diffusion Policy, in gym-pusht.

    python examples/python/pusht_pictures.py pusht_cchi_v7_replay.zarr --out RUN

An estimator learns where nine points of the T are, from the state labels of the demonstrations; then a generator learns
to act on its estimates. At run time there are pictures and the agent's position alone. What was done already in RUN is
not done again.
"""

import argparse
from pathlib import Path

import imle_planner as ip
from imle_planner.bench.grounds.pusht import PushT
from imle_planner.bench.suite import load

parser = argparse.ArgumentParser()
parser.add_argument("data", type=Path)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--episodes", type=int, help="the first so many demonstrations alone")
parser.add_argument("--estimator-steps", type=int, default=12_000)
parser.add_argument("--steps", type=int, default=12_000)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--tune", action="store_true", help="evaluate on the starts for tuning, not on those of the report")
parser.add_argument("--threads", type=int)


def trained(out: Path, data: Path, **settings: object) -> ip.Policy:
    """What was trained in ``out``, gone on with if it was stopped."""
    return ip.train(data, out=out, resume=(out / "training_state").exists(), **settings)


def main() -> None:
    flags = parser.parse_args()
    data, suite = flags.out / "data", load("pusht")
    if not data.exists():
        columns = ["keypoint", "state[0:2]"]
        ip.convert_dataset(flags.data, data, name="push_t", control_rate=10.0, observation=columns, images=True)
    common = {"episodes": flags.episodes, "seed": flags.seed, "threads": flags.threads, "progress": True}
    eyes = trained(
        flags.out / "estimator", data, steps=flags.estimator_steps, estimate=["keypoint"],
        vision={"cameras": ["img"], "state": ["state_0_2"], "precision": "bf16"}, **common,
    )
    print("estimates beside the truth, pixels of 96:", {term: error * 96 / 512 for term, error in eyes.errors.items()})
    policy = trained(
        flags.out / "generator", data, steps=flags.steps, estimator=eyes, chunk_frame="relative", reject_share=0.3,
        observation_noise=0.03, **common,
    )
    first, count = suite.tune if flags.tune else suite.report
    place = PushT(suite)
    for execute in (8, 4):
        found = ip.evaluate(
            policy, suite.environment, starts=[place.start(k) for k in range(first, first + count)], execute=execute,
            max_steps=suite.max_steps, num_envs=32, threads=flags.threads,
            env_kwargs={"obs_type": "pixels_agent_pos", "render_mode": "rgb_array"},
            observation=lambda seen: seen["agent_pos"], pictures=lambda seen: seen["pixels"][None],
        )
        # A reward of 1 is a coverage of 0.95, so that 0.95 is one of 0.9025.
        lenient = sum(episode["best_reward"] > 0.95 for episode in found.episodes) / len(found.episodes)
        print(f"T_act {execute}: coverage > 0.95 {found}; > 0.9025 {lenient:.1%}")


if __name__ == "__main__":
    main()
