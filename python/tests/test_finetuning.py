"""Fine-tuning in an environment of Gymnasium's kind: a point on a line, to be brought to the right."""

import json
import warnings

import gymnasium as gym
import numpy as np
import pytest

import imle_planner as ip

STEP, GOAL = 0.25, 0.6


class Line(gym.Env):
    """Right of GOAL it is solved, left of -GOAL lost."""

    observation_space = gym.spaces.Box(-2.0, 2.0, (1,), np.float32)
    action_space = gym.spaces.Box(-STEP, STEP, (1,), np.float32)

    def __init__(self, begun=None, first=8, pays=1.0):
        self.begun, self.most, self.pays = begun, first, pays

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if self.begun is not None:
            self.begun.append(seed)
        self.x = float(self.np_random.uniform(-0.2, 0.2)) if options is None else options["x"]
        return np.array([self.x], np.float32), {}

    def step(self, action):
        self.x += float(action[0])
        over = abs(self.x) > GOAL or self.most == 1
        info = {"is_success": self.pays > 0 and self.x > GOAL}
        return np.array([self.x], np.float32), self.pays * float(action[0]), over, False, info


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """A generator that goes to the left as often as to the right."""
    folder = tmp_path_factory.mktemp("walk")
    rng = np.random.default_rng(0)
    actions = [np.full((4, 1), a, np.float32) for a in rng.uniform(-STEP, STEP, 40)]
    seen = [rng.uniform(-0.2, 0.2) + np.concatenate([[[0.0]], np.cumsum(a[:-1], 0)]) for a in actions]
    episodes = [{"observation": s.astype(np.float32), "action": a} for s, a in zip(seen, actions)]
    ip.write_dataset(folder / "demos", episodes, control_rate=10.0)
    horizons = {"observation": 1, "prediction": 2, "action": 2}
    network = {"kind": "mlp", "width": 32, "blocks": 1}
    return ip.train(
        folder / "demos", steps=300, out=folder / "walk", horizons=horizons, network=network, batch_size=16,
        evaluation_episodes=0, progress=False,
    )


OPTIONS = dict(
    max_steps=8, threads=1, progress=False, discount=0.9, warmup_steps=500, evaluation_episodes=60, episodes=16,
    critic={"width": 32, "learning_rate": 3e-3, "follow": 0.05}, actor={"learning_rate": 2e-3, "batch_size": 32},
    edit={"scale": 60.0, "learning_rate": 1e-3, "critic_updates": 300, "explore": 0.3, "distill_states": 500, "distill_steps": 200},
)


def tuned(walk, out, env=Line, **changed):
    return ip.finetune(walk, env, out=out, **{**OPTIONS, "env_steps": 4000, **changed})


def test_edits_bring_the_point_to_the_goal_and_the_generator_learns_it(walk, tmp_path):
    told = []
    found = tuned(walk, tmp_path / "out", progress=told.append)
    first, edited, alone = found.rounds
    assert first["success_rate"] < 0.7 and edited["edited"] and not alone["edited"]
    assert edited["success_rate"] > 0.9 and alone["success_rate"] > 0.85, found
    assert told == found.rounds and str(found).endswith("control steps")
    again = ip.evaluate(found.policy, Line, 60, max_steps=8, progress=False)
    assert again.success_rate > 0.85
    acted = ip.evaluate(tmp_path / "out", Line, 60, max_steps=8, progress=False, edits=True)
    assert acted.success_rate > 0.9 and set(acted.report["winners"]) == {"edit"}


def test_edits_belong_to_a_run(walk, tmp_path):
    with pytest.raises(ValueError, match="policy: expected the folder of a run of finetune with edits"):
        ip.evaluate(walk, Line, 2, max_steps=8, progress=False, edits=True)
    with pytest.raises(ValueError, match="that has learned, found no edits"):
        ip.evaluate(tmp_path, Line, 2, max_steps=8, progress=False, edits=True)
    with pytest.raises(ValueError, match="execute: expected no settings of a controller beside edits"):
        ip.evaluate(tmp_path, Line, 2, max_steps=8, progress=False, edits=True, execute=2)


def test_a_stopped_run_goes_on_to_the_same_result(walk, tmp_path):
    short = dict(env_steps=900, warmup_steps=200, evaluation_episodes=10)
    whole = tuned(walk, tmp_path / "whole", **short)

    class Stopping(Line):
        left = 400

        def step(self, action):
            Stopping.left -= 1
            if Stopping.left == 0:
                raise KeyboardInterrupt
            return super().step(action)

    Stopping.__name__ = "Line"
    with pytest.raises(KeyboardInterrupt):
        tuned(walk, tmp_path / "stopped", Stopping, **short)
    with pytest.raises(ValueError, match="environment: expected Line, 8 steps, reward success"):
        ip.finetune(walk, Line, out=tmp_path / "stopped", max_steps=7, env_steps=900, progress=False, resume=True)
    resumed = ip.finetune(walk, Line, out=tmp_path / "stopped", max_steps=8, env_steps=900, threads=1, progress=False, resume=True)
    assert resumed.rounds == whole.rounds
    seen = np.zeros(1, np.float32)
    assert (resumed.policy.sample(seen, n=4) == whole.policy.sample(seen, n=4)).all()


def test_starts_to_learn_from_and_of_evaluations_do_not_mix(walk, tmp_path):
    begun = []
    options = dict(env_steps=100, evaluation_episodes=6, algorithm="best-of-n", edit={})
    settings = {k: v for k, v in options.items() if k != "edit"}
    ip.finetune(
        walk, lambda: Line(begun), out=tmp_path / "out", max_steps=8, progress=False, threads=1, num_envs=2,
        learning_starts=[11, 12, 13], starts=range(100, 106), **settings,
    )
    # The first reset is a check of what is seen.
    assert set(begun[1:7]) == set(range(100, 106)) and set(begun) == {11, 12, 13, *range(100, 106)}


def test_rewards_of_the_environment_have_a_range(walk, tmp_path):
    others = {name: value for name, value in OPTIONS.items() if name not in ("edit", "evaluation_episodes")}
    found = ip.finetune(
        walk, Line, out=tmp_path / "out", algorithm="ppo", env_steps=300, reward="environment",
        reward_range=(-STEP, STEP), evaluation_episodes=10, **others,
    )
    assert len(found.rounds) == 2
    with pytest.raises(ValueError, match="reward: expected a finite number from -0.01 to 0.01"):
        tuned(walk, tmp_path / "narrow", edit={}, reward="environment", reward_range=(-0.01, 0.01))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"algorithm": "edits"}, "did you mean `edit`"),
        ({"edit": {"scal": 1.0}}, "did you mean `scale`"),
        ({"ppo": {"epochs": 3}}, "unknown setting `ppo`"),
        ({"reward": "sparse"}, "reward: expected success or environment, found sparse"),
        ({"reward_range": (0, 1)}, "reward_range: expected"),
        ({"algorithm": "expert-iteration", "edit": None}, "where the simulator is not ours"),
        ({"env": lambda: gym.wrappers.Autoreset(Line())}, "Autoreset: expected an environment that is reset here"),
        ({"env": lambda: Line(first=1)}, "over after its first control step"),
        ({"env": lambda: gym.wrappers.TransformObservation(Line(), lambda o: np.repeat(o, 2), None)}, "expected 1 values"),
        ({"env": gym.vector.SyncVectorEnv([Line])}, "found a vector"),
        ({"env": "stack", "max_steps": None, "starts": [1]}, "starts: expected a Gymnasium environment"),
        ({"starts": [1, 2]}, "learning_starts: expected with the other"),
        ({"starts": range(5, 9), "learning_starts": range(8, 20)}, "found 8 in both"),
        ({"data": "nowhere"}, "nowhere"),
        ({"env_steps": 0}, "env_steps: expected 1 to"),
    ],
)
def test_bad_input_is_one_line(walk, tmp_path, changed, message):
    options = {**OPTIONS, "env_steps": 300, **changed}
    if options.get("algorithm") == "expert-iteration":
        options = {k: v for k, v in options.items() if k not in ("discount", "warmup_steps", "critic", "actor", "edit", "episodes")}
    with pytest.raises((ValueError, TypeError)) as raised:
        ip.finetune(walk, options.pop("env", Line), out=tmp_path / "out", **options)
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_an_environment_that_never_pays_is_said_early(walk, tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(RuntimeError, match="no reward in"):
            tuned(walk, tmp_path / "out", lambda: Line(pays=-1.0), warmup_steps=50, env_steps=2000)
    assert any("no reward in" in str(one.message) for one in caught)
    assert json.loads((tmp_path / "out" / "state.json").read_text())["algorithm"] == "edit"
