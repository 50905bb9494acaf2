#!/usr/bin/env python3
"""Speed of the Python package beside the Rust program, in one run, in turns.

    python python/tests/speed.py [target/release/planner]

- `policy.sample` of `stack` beside the same draws in Rust alone;
- `Controller.plan`: what a call takes beyond the decision inside;
- a cost in Python of ten terms beside the same cost in a task file, N = 64;
- the vector environment of `stack` beside `planner bench collect`, both holding still.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import gymnasium as gym
import numpy as np

import imle_planner as ip

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target" / "release" / "planner")
TURNS = 5

TERMS = """
name = "ten_terms"
base = "cartpole"

[quantities]
upright = { kind = "coordinate", of = "site:tip", axis = "z", relative_to = "body:cart" }
side = { kind = "coordinate", of = "site:tip", axis = "x" }
cart = { kind = "joint_position", joint = "joint_cart" }
pole = { kind = "joint_position", joint = "joint_pole" }
cart_speed = { kind = "joint_velocity", joint = "joint_cart" }
pole_speed = { kind = "joint_velocity", joint = "joint_pole" }
target = { kind = "control", actuator = "cart" }

[cost]
running = 1.0
terminal = 0.0
term = [
    { quantity = "upright", target = 1.0, norm = "quadratic", scale = 1.0, weight = 10.0 },
    { quantity = "side", norm = "quadratic", scale = 1.0, weight = 1.0 },
    { quantity = "cart", norm = "quadratic", scale = 1.0, weight = 2.0 },
    { quantity = "cart_speed", norm = "quadratic", scale = 1.0, weight = 0.1 },
    { quantity = "pole_speed", norm = "quadratic", scale = 1.0, weight = 0.1 },
    { quantity = "target", norm = "quadratic", scale = 1.0, weight = 0.1 },
    { quantity = "cart", target = 0.5, norm = "quadratic", scale = 1.0, weight = 0.3 },
    { quantity = "side", target = 0.1, norm = "quadratic", scale = 1.0, weight = 0.3 },
    { quantity = "pole_speed", target = 0.2, norm = "quadratic", scale = 1.0, weight = 0.01 },
    { quantity = "cart_speed", target = 0.2, norm = "quadratic", scale = 1.0, weight = 0.01 },
]
"""


def cost(r):
    """The same ten terms."""
    cart, (cart_speed, pole_speed) = r["qpos"][..., 0], np.moveaxis(r["qvel"], -1, 0)
    tip, body, target = r["site_xpos"][..., SITE, :], r["xpos"][..., BODY, :], r["actions"][..., 0]
    half = lambda values, weight: 0.5 * weight * np.square(values)  # noqa: E731
    return (
        half(tip[..., 2] - body[..., 2] - 1.0, 10.0) + half(tip[..., 0], 1.0) + half(cart, 2.0) + half(cart_speed, 0.1)
        + half(pole_speed, 0.1) + half(target, 0.1) + half(cart - 0.5, 0.3) + half(tip[..., 0] - 0.1, 0.3)
        + half(pole_speed - 0.2, 0.01) + half(cart_speed - 0.2, 0.01)
    )


def median_ms(call, repeats):
    took = []
    for _ in range(repeats):
        begun = time.perf_counter()
        call()
        took.append(1e3 * (time.perf_counter() - begun))
    return statistics.median(took)


def bench(*words):
    done = subprocess.run([PROGRAM, "bench", *words, "--json", "--quiet"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["cases"]


def main():
    global SITE, BODY
    policy, task = ip.Policy.load("stack"), ip.Task.load("stack")
    seen = task.observe(task.start_state())
    histories = np.repeat(seen[None], policy.horizons.observation, 0)[None]
    print("sample: Python and Rust in turns, in one process")
    for count, n in ((1, 1), (1, 32), (1, 256), (16, 1)):
        many = np.repeat(histories, count, 0)
        mine, rust = [], []
        for _ in range(200 * TURNS):
            # One call each, so that both find the same in the processor's caches.
            rust.append(1e3 * policy._native.sample_seconds(many, n, 1)[0])
            mine.append(median_ms(lambda: policy.sample(many if count > 1 else many[0], n), 1))
        mine, rust = statistics.median(mine), statistics.median(rust)
        print(f"  {count} episodes, N = {n}: {mine:.3f} ms, Rust {rust:.3f} ms: {mine / rust:.2f} times, "
              f"{1e3 * (mine - rust):.0f} µs more")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        mpc = ip.Controller(task=task, policy=policy, optimizer="cem", candidates=32)
        state, more, decisions = task.start_state(), [], []
        for _ in range(40):
            state[0] += 8 / task.control_rate
            begun = time.perf_counter()
            plan = mpc.plan(state)
            took = time.perf_counter() - begun
            more.append(1e3 * (took - plan.time))
            decisions.append(1e3 * plan.time)
        print(f"plan: {statistics.median(decisions):.1f} ms inside, {statistics.median(more):.3f} ms more")

        (folder / "ten_terms.toml").write_text(TERMS, encoding="utf-8")
        own = ip.Task.load(folder / "ten_terms.toml")
        model = own.model()
        SITE, BODY = model.site("tip").id, model.body("cart").id
        start = own.start_state()
        pair = [
            ip.Controller(task=t, optimizer="predictive-sampling", candidates=64, proposals=["noise", "warm"])
            for t in (own, own.with_cost(cost))
        ]
        plans = [mpc.plan(start) for mpc in pair]
        known = np.isfinite(plans[0].costs) & np.isfinite(plans[1].costs)
        difference = abs(plans[0].costs[known] - plans[1].costs[known]).max()
        took = [[], []]
        for _ in range(TURNS):
            for index, mpc in enumerate(pair):
                took[index].append(median_ms(lambda: mpc.plan(start), 40))
        file, python = map(statistics.median, took)
        print(f"cost of ten terms, N = 64: task file {file:.2f} ms, Python {python:.2f} ms, {python / file:.2f} times; "
              f"the costs differ by {difference:.1e}")

        count, rates, rust = 64, [], []
        many = gym.make_vec("imle_planner/stack-v0", num_envs=count, vectorization_mode="vector_entry_point")
        for _ in range(TURNS):
            case, = bench("collect", "--task", "stack", "--repeats", "1")
            rust.append(case["ours"] / (1 / case["timestep_s"] / task.control_rate))
            many.reset(seed=0)
            hold = np.stack([task.hold(many.unwrapped.state(i)) for i in range(count)])
            begun = time.perf_counter()
            for _ in range(100):
                many.step(hold)
            rates.append(100 * count / (time.perf_counter() - begun))
        mine, theirs = statistics.median(rates), statistics.median(rust)
        print(f"vector environment: {mine:.0f} control steps/s, bench collect {theirs:.0f}, {mine / theirs:.2f} times")


if __name__ == "__main__":
    main()
