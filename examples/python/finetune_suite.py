"""Fine-tune a generator in the environment of a benchmark suite, from success alone, and judge it on the report's starts.

    python examples/python/finetune_suite.py pusht CHECKPOINT DATASET --data pusht_cchi_v7_replay.zarr --out RUN

CHECKPOINT and DATASET are what `python -m imle_planner.bench pusht --out FOLDER` has trained and learned from. Starts to
learn from, to evaluate on while learning, and of the report are the suite's, and never mix.
"""

import argparse
from pathlib import Path

import imle_planner as ip
from imle_planner.bench.grounds import ground
from imle_planner.bench.suite import load

parser = argparse.ArgumentParser()
parser.add_argument("suite")
parser.add_argument("checkpoint")
parser.add_argument("dataset")
parser.add_argument("--data", help="the demonstrations that the suite is given")
parser.add_argument("--out", required=True)
parser.add_argument("--env-steps", type=int, default=150_000)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--threads", type=int)


def main() -> None:
    flags = parser.parse_args()
    suite = load(flags.suite)
    place = ground(suite)
    place.demonstrations(flags.data, Path(flags.out).parent)
    (tune, tunings), (report, reports), (learn, learnings) = suite.tune, suite.report, suite.learn
    begin = learn + flags.seed * 10_000
    ip.finetune(
        flags.checkpoint, data=flags.dataset, out=flags.out, env_steps=flags.env_steps, seed=flags.seed,
        learning_starts=[place.start(k) for k in range(begin, min(begin + 10_000, learn + learnings))],
        threads=flags.threads, resume=Path(flags.out).exists(), progress=print,
        **place.evaluation(range(tune, tune + tunings)),
    )
    held_out = place.evaluation(range(report, report + reports))
    print("with edits:", ip.evaluate(flags.out, edits=True, threads=flags.threads, **held_out))
    for execute in (8, 4):
        taught = ip.evaluate(flags.out, execute=execute, threads=flags.threads, **held_out)
        print(f"taught, T_act {execute}:", taught)


if __name__ == "__main__":
    main()
