"""Evaluation and recording in environments of others, and environments that misbehave."""

import json
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

import imle_planner as ip


class Line(gym.Env):
    """A point on a line that actions move; solved at 1."""

    observation_space = spaces.Dict({"b": spaces.Box(-9, 9, (1,), np.float32), "a": spaces.Box(-9, 9, (1,), np.float32)})
    action_space = spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, fault=None, limit=40):
        self.fault, self.limit, self.closed = fault, limit, False
        self._max_episode_steps = limit

    def _seen(self):
        return {"a": np.array([self.x], np.float32), "b": np.array([self.goal], np.float32)}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.goal = float((options or {}).get("goal", self.np_random.uniform(0.2, 0.8)))
        self.x, self.steps = 0.0, 0
        return self._seen(), {}

    def step(self, action):
        if self.fault == "raises" and self.steps == 3:
            raise KeyError("the robot is gone")
        self.x += 0.1 * float(action[0])
        self.steps += 1
        there = abs(self.x - self.goal) < 0.05
        seen = self._seen()
        if self.fault == "shape":
            seen["a"] = np.zeros(3, np.float32)
        if self.fault == "nan":
            seen["a"] = np.array([np.nan], np.float32)
        if self.fault == "four":
            return seen, 0.0, there, {}
        cut = self.limit is not None and self.fault != "endless" and self.steps >= self.limit
        return seen, float(there), there, cut, {"is_success": there}

    def close(self):
        self.closed = True


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    """Steps towards the goal, learned from eighty episodes."""
    folder = tmp_path_factory.mktemp("line")
    rng, episodes = np.random.default_rng(0), []
    for _ in range(80):
        goal, x, seen, done = rng.uniform(0.2, 0.8), 0.0, [], []
        for _ in range(12):
            action = np.clip((goal - x) * 10, -1, 1)
            seen.append([x, goal])
            done.append([action])
            x += 0.1 * action
        episodes.append({"observation": seen, "action": done})
    ip.write_dataset(folder / "data", episodes, control_rate=10.0, task="line")
    return ip.train(
        folder / "data", steps=400, out=folder / "policy", threads=2, network={"width": 32, "blocks": 1}, batch_size=64,
        horizons={"observation": 1, "prediction": 4, "action": 2}, learning_rate=2e-3, warmup_steps=50, progress=False,
    )


def test_any_environment(policy):
    found = ip.evaluate(policy, Line, episodes=24, num_envs=5)
    assert found.success_rate > 0.9 and found.interval[0] > 0.7
    assert [e["episode"] for e in found.episodes] == list(range(24))
    assert "episodes solved" in str(found) and found.mean_return == pytest.approx(found.success_rate)
    again = ip.evaluate(policy, Line, episodes=24, num_envs=16)
    assert again.episodes == found.episodes, "the number of copies does not matter"
    assert ip.evaluate(policy, Line, episodes=24, seed=1).episodes != found.episodes
    apart = ip.evaluate(policy, Line, episodes=6, num_envs=2, processes=True)
    assert apart.episodes == found.episodes[:6]


def test_starts_maps_and_success(policy):
    starts = [{"goal": 0.3}, {"goal": 0.7}, (4, {"goal": 0.5})]
    found = ip.evaluate(policy, Line, starts=starts)
    assert len(found.episodes) == 3 and found.success_rate == 1.0
    assert found.episodes[0]["steps"] < found.episodes[1]["steps"]
    # A map that hides the goal: nobody finds it.
    blind = ip.evaluate(policy, Line, starts=starts, observation=lambda seen: [seen["a"][0], 0.0], max_steps=9)
    assert blind.success_rate == 0.0 and all(e["steps"] == 9 and not e["terminated"] for e in blind.episodes)
    with_env = ip.evaluate(policy, Line, starts=starts, observation=lambda seen, env: [env.unwrapped.x, env.unwrapped.goal])
    assert with_env.episodes == found.episodes
    never = ip.evaluate(policy, Line, starts=starts, success=lambda reward, terminated, truncated, info: False)
    assert never.success_rate == 0.0 and all(e["terminated"] and e["lost"] for e in never.episodes)
    far = lambda reward, terminated, truncated, info: not terminated  # noqa: E731
    assert ip.evaluate(policy, Line, starts=starts, success=far).success_rate == 0.0
    assert ip.evaluate(policy, Line, starts=starts, success=far, success_at="any").success_rate == 1.0


def test_dictionaries_are_seen_in_the_order_of_the_policys_terms(tmp_path):
    """Demonstrations as the environment gives them, in an order that is not the names'."""
    rng, episodes = np.random.default_rng(1), []
    for _ in range(60):
        goal, x, rows = rng.uniform(0.2, 0.8), 0.0, []
        for _ in range(12):
            action = np.clip((goal - x) * 10, -1, 1)
            rows.append((x, goal, action))
            x += 0.1 * action
        x, goal, action = np.array(rows).T[..., None]
        episodes.append({"observation": {"b": goal, "a": x}, "action": action})
    options = dict(
        steps=300, threads=2, network={"width": 32, "blocks": 1}, batch_size=64, learning_rate=2e-3, warmup_steps=50,
        horizons={"observation": 1, "prediction": 4, "action": 2}, progress=False,
    )
    for name, terms in (("sorted", None), ("own", {"b": 1, "a": 1})):
        ip.write_dataset(tmp_path / name, episodes, control_rate=10.0, observation=terms)
        policy = ip.train(tmp_path / name, out=tmp_path / f"{name}-policy", **options)
        assert [t["name"] for t in policy.spec["observation"]["terms"]] == list(terms or "ab")
        assert ip.evaluate(policy, Line, episodes=12).success_rate > 0.7
    np.testing.assert_array_equal(ip.flatten({"b": [2.0], "a": [[1.0]], "picture": np.zeros((4, 4, 3), np.uint8)}), [1.0, 2.0])
    with pytest.raises(ValueError, match="episode 0: observation: expected the key `c`, found b, a"):
        ip.write_dataset(tmp_path / "bad", episodes, control_rate=10.0, observation={"c": 1})
    with pytest.raises(ValueError, match=r"episode 0: observation: expected numbers, \(L, n\), found list"):
        ip.write_dataset(tmp_path / "bad", [{"observation": [{"a": 1}], "action": [[1.0]]}], control_rate=10.0)


def test_environments_are_closed_when_it_does_not_begin(policy):
    made = []

    def make():
        made.append(Line(limit=None))
        return made[-1]

    with pytest.raises(ValueError, match="max_steps"):
        ip.evaluate(policy, make, episodes=4, num_envs=3)
    assert len(made) == 3 and all(env.closed for env in made)


def test_a_cost_in_python_is_evaluated():
    cost = lambda r: np.abs(r["qpos"]).sum(-1)  # noqa: E731
    assert len(ip.evaluate(None, "cartpole", episodes=1, optimizer="cem", candidates=8, cost=cost).episodes) == 1


def test_an_environment_of_ones_own_stays_open(policy):
    env = Line()
    ip.evaluate(policy, env, episodes=2)
    assert not env.closed


@pytest.mark.parametrize(
    ("fault", "error", "line"),
    [
        ("raises", KeyError, "the robot is gone"),
        ("shape", ValueError, "observation: expected 2 values, found (4,)"),
        ("nan", ValueError, "observation[0]: expected a finite number, found NaN"),
        ("four", ValueError, "step: expected (observation, reward, terminated, truncated, info), found 4 values"),
    ],
)
@pytest.mark.parametrize("processes", [False, True])
def test_faults_of_environments(policy, fault, error, line, processes):
    with pytest.raises(error) as raised:
        ip.evaluate(policy, lambda: Line(fault), episodes=3, num_envs=2, processes=processes)
    assert line in str(raised.value)


def test_what_does_not_fit_is_refused(policy):
    class Unbounded(Line):
        action_space = spaces.Box(-np.inf, np.inf, (1,), np.float32)

    class Wide(Line):
        action_space = spaces.Box(-1, 1, (2,), np.float32)

    class Discrete(Line):
        action_space = spaces.Discrete(3)

    for make, more, line in [
        (Unbounded, {}, "Unbounded: expected actions with bounds, or action_bounds=(low, high), found none"),
        (Wide, {}, "Wide: expected actions (1,), as the policy's, found (2,)"),
        (Discrete, {}, "Discrete: expected actions in a Box of one axis, found Discrete(3)"),
        (lambda: Line(limit=None), {}, "max_steps: expected a number, as Line has no max_episode_steps"),
        (Line, {"success_at": "start"}, "success_at: expected end or any"),
        (Line, {"optimizer": "cem"}, "optimizer: expected none in an environment without a model"),
        (Line, {"num_envs": 0}, "num_envs: expected 1 to"),
        (Line, {"episodes": 0}, "episodes: expected 1 to"),
        ("stak", {}, "did you mean `stack`"),
        ("stack", {"max_steps": 3}, "max_steps: expected a Gymnasium environment beside it, found a task"),
    ]:
        with pytest.raises(ValueError) as raised:
            ip.evaluate(policy, make, **{"episodes": 2, **more})
        assert line in str(raised.value)
    for make, error in [(3, TypeError), ("no_such/Env-v0", gym.error.Error)]:
        with pytest.raises(error):
            ip.evaluate(policy, make, episodes=2)
    found = ip.evaluate(policy, Unbounded, episodes=2, action_bounds=(-1, 1))
    assert len(found.episodes) == 2
    endless = ip.evaluate(policy, lambda: Line("endless"), starts=[{"goal": 8.0}], max_steps=60)
    assert endless.episodes[0]["steps"] == 60 and not endless.episodes[0]["terminated"]
    with pytest.raises(ValueError, match="policy: expected task `stack`"):
        ip.evaluate(policy, "stack", episodes=1)


def test_a_student_learns_what_its_teacher_does(policy, tmp_path):
    ip.record(policy, Line, tmp_path / "states", episodes=20, only_solved=False)
    options = dict(steps=300, threads=2, network={"width": 32, "blocks": 1}, batch_size=64, learning_rate=2e-3, warmup_steps=50)
    student = ip.train(tmp_path / "states", out=tmp_path / "student", teacher=policy, samples=4, progress=False, **options)
    assert student.horizons == policy.horizons and ip.evaluate(student, Line, episodes=12).success_rate > 0.7
    assert "4 samples a state of imle" in student.config["provenance"]["data"]
    with pytest.raises(TypeError, match="teacher: expected a Policy, found str"):
        ip.train(tmp_path / "states", out=tmp_path / "none", teacher="policy")
    wide = [{"observation": np.zeros((8, 3)), "action": np.zeros((8, 1))}]
    ip.write_dataset(tmp_path / "wide", wide, control_rate=10.0, task="line")
    with pytest.raises(ValueError, match="teacher"):
        ip.train(tmp_path / "wide", out=tmp_path / "none", teacher=policy, steps=2)
    assert not (tmp_path / "none").exists()


def test_recorded_episodes_are_a_dataset(policy, tmp_path):
    found = ip.record(policy, Line, tmp_path / "solved", episodes=12)
    again = ip.train(tmp_path / "solved", steps=2, out=tmp_path / "policy", threads=1, network={"width": 8, "blocks": 1})
    assert again.spec == policy.spec and found.success_rate > 0.5
    with pytest.raises(ValueError, match="solved"):
        ip.record(policy, Line, tmp_path / "solved", episodes=2)
    never = lambda *_: False  # noqa: E731
    with pytest.raises(RuntimeError, match="no episode was solved; nothing was recorded"):
        ip.record(policy, Line, tmp_path / "none", episodes=2, success=never)
    assert not (tmp_path / "none").exists()
    ip.record(policy, Line, tmp_path / "all", episodes=2, success=never, only_solved=False)
    assert (tmp_path / "all" / "meta" / "info.json").exists()


def test_retrieval_looks_in_a_dataset(tmp_path):
    ip.record(None, "cartpole", tmp_path / "data", episodes=6, optimizer="cem")
    options = {"optimizer": "predictive-sampling", "candidates": 8, "proposals": ["retrieval", "warm"]}
    mpc = ip.Controller(task="cartpole", policy="cartpole", demonstrations=str(tmp_path / "data"), **options)
    assert "retrieval" in mpc.plan(mpc.task.start_state()).sources
    with pytest.raises(ValueError, match="--demonstrations"):
        ip.Controller(task="cartpole", policy="cartpole", **options)
    with pytest.raises(ValueError, match="demonstrations: expected a dataset"):
        ip.Controller(task="cartpole", demonstrations=str(tmp_path / "nothing"))


def test_datasets_and_settings_that_do_not_fit_are_refused(tmp_path):
    good = {"observation": np.zeros((9, 2)), "action": np.zeros((9, 1))}
    for episodes, line in [
        ([], "episodes: expected at least one, found none"),
        ([{"observation": np.zeros((9, 2))}], "episode 0: expected the key `action`"),
        ([good, {**good, "action": np.zeros((8, 1))}], "episode 1: actions: expected (9, 1), found (8, 1)"),
        ([{**good, "observation": np.full((9, 2), np.nan)}], "finite"),
    ]:
        with pytest.raises(ValueError) as raised:
            ip.write_dataset(tmp_path / "data", episodes, control_rate=10.0)
        assert line in str(raised.value) and not (tmp_path / "data").exists()
    ip.write_dataset(tmp_path / "data", [good], control_rate=10.0)
    for more, line in [
        ({"step_size": 1}, "settings: unknown setting `step_size`"),
        ({"network": {"kid": "mlp"}}, "unknown setting `kid`; did you mean `kind`"),
        ({"batch_size": "many"}, "settings: batch_size"),
        ({"method": "imel"}, "imle"),
    ]:
        with pytest.raises(ValueError) as raised:
            ip.train(tmp_path / "data", steps=5, out=tmp_path / "out", **more)
        assert line in str(raised.value) and not (tmp_path / "out").exists()
    with pytest.raises(ValueError):
        ip.train(tmp_path / "nowhere", steps=5, out=tmp_path / "out")


def test_a_training_is_evaluated_in_any_environment(tmp_path):
    rows = np.linspace(0, 0.5, 8)
    ip.write_dataset(
        tmp_path / "data", [{"observation": np.stack([rows, rows * 0 + 0.5], 1), "action": np.full((8, 1), 0.5)}],
        control_rate=10.0,
    )
    sizes = dict(batch_size=8, network={"width": 16, "blocks": 1}, horizons={"observation": 1, "prediction": 4, "action": 2})

    def trained(out, evaluate, **more):
        return ip.train(
            tmp_path / "data", steps=20, evaluate_every=10, out=tmp_path / out, threads=2, progress=False,
            evaluate=evaluate, **sizes, **more,
        )

    def course(policy, step):
        seen.append((step, policy.config["provenance"]["steps"]))
        with pytest.raises(TypeError, match="found one in training"):
            pickle.dumps(policy)
        return ip.evaluate(policy, Line, episodes=4, threads=2)

    seen = []
    trained("any", course)
    assert seen == [(10, 10), (20, 20)] and (tmp_path / "any" / "best" / "config.json").exists()
    lines = [json.loads(line) for line in (tmp_path / "any" / "metrics.jsonl").read_text().splitlines()]
    found = [line for line in lines if "eval/success_rate" in line]
    assert [line["step"] for line in found] == [10, 20] and found[0]["eval/episodes"] == 4
    trained("figures", lambda policy, step: {"success_rate": step / 100, "score": 3.0})
    assert '"eval/score":3.0' in (tmp_path / "figures" / "metrics.jsonl").read_text().replace(" ", "")
    with pytest.raises(TypeError, match="evaluate: expected an Evaluation or figures by name, found float"):
        trained("float", lambda policy, step: 0.5)
    with pytest.raises(KeyError, match="gone"):
        trained("raises", lambda policy, step: {}["gone"])
    with pytest.raises(ValueError, match="evaluate: expected no task beside it"):
        trained("task", course, task="stack")
