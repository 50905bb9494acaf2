"""The built-in tasks as Gymnasium environments."""

import json
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import imle_planner as ip
from program import program, run

TASKS = ip.task_names()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("obs_type", ["state", "pixels", "pixels_agent_pos"])
def test_gymnasium_accepts_them(task, obs_type):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Ranges are the task's own, in its units.
        warnings.filterwarnings("ignore", "(?s).*(symmetric and normalized|is -?infinity)")
        env = gym.make(f"imle_planner/{task}-v0", obs_type=obs_type).unwrapped
        check_env(env, skip_render_check=True)


def test_a_picture_is_rendered():
    env = gym.make("imle_planner/cartpole-v0", render_mode="rgb_array")
    env.reset(seed=0)
    picture = env.render()
    assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.std() > 1
    assert env.metadata["render_fps"] == 12


def test_seeds_episodes_and_states():
    env = gym.make("imle_planner/push_t-v0")
    first, _ = env.reset(seed=3)
    second, _ = env.reset()
    np.testing.assert_array_equal(env.reset(seed=3, options={"episode": 1})[0], second)
    np.testing.assert_array_equal(env.reset(seed=3)[0], first)
    state = env.unwrapped.state()
    env.step(env.action_space.low)
    np.testing.assert_array_equal(env.reset(options={"state": state})[0], first)
    with pytest.raises(ValueError, match="options: expected episode or state, found episod"):
        env.reset(options={"episod": 1})
    with pytest.raises(ValueError):
        env.unwrapped.reset(options={"state": state[1:]})


def test_seeds_of_a_vector():
    many = gym.make_vec("imle_planner/push_t-v0", num_envs=3, vectorization_mode="vector_entry_point")
    alone = gym.make("imle_planner/push_t-v0")
    seen, info = many.reset(seed=[4, 5, 4])
    np.testing.assert_array_equal(seen[1], alone.reset(seed=5)[0])
    np.testing.assert_array_equal(seen[0], seen[2])
    assert info["cost"].shape == (3,) and not info["is_success"].any()
    assert many.reset()[0].shape == seen.shape
    with pytest.raises(ValueError, match="seed: expected one, or 3, found 2"):
        many.reset(seed=[1, 2])
    with pytest.raises(ValueError, match="num_envs: expected 1 to"):
        gym.make_vec("imle_planner/push_t-v0", num_envs=0, vectorization_mode="vector_entry_point")
    for episode in (-1, 1 << 40):
        with pytest.raises(ValueError, match="episode: expected 0 to"):
            alone.reset(options={"episode": episode})


def test_actions_that_do_not_fit_are_refused():
    env = gym.make("imle_planner/push_t-v0", disable_env_checker=True)
    with pytest.raises((RuntimeError, gym.error.ResetNeeded)):
        env.step(np.zeros(2, np.float32))
    env.reset(seed=0)
    for action in (np.zeros(3, np.float32), np.full(2, np.nan, np.float32)):
        with pytest.raises(ValueError, match="action"):
            env.step(action)
    with pytest.raises(ValueError, match="obs_type: expected state, pixels, pixels_agent_pos, found rgb"):
        gym.make("imle_planner/push_t-v0", obs_type="rgb")


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_a_vector_is_its_episodes(mode):
    """Four episodes at a time, over their ends, step as they do alone."""
    name, count, steps = "imle_planner/cartpole-v0", 4, 170
    many = gym.make_vec(name, num_envs=count, vectorization_mode="vector_entry_point", autoreset_mode=mode)
    assert many.metadata["autoreset_mode"] is mode
    alone = [gym.make(name) for _ in range(count)]
    seen, _ = many.reset(seed=2)
    rng, low, high = np.random.default_rng(0), many.single_action_space.low, many.single_action_space.high
    for index, env in enumerate(alone):
        np.testing.assert_array_equal(env.reset(seed=2, options={"episode": index})[0], seen[index])
    following, over = count, np.zeros(count, bool)
    for _ in range(steps):
        actions = rng.uniform(low, high, (count, len(low))).astype(np.float32)
        seen, rewards, terminated, truncated, info = many.step(actions)
        for index, env in enumerate(alone):
            if over[index] and mode is AutoresetMode.NEXT_STEP:
                wanted = env.reset(seed=2, options={"episode": following})[0]
                following += 1
                over[index] = False
                assert rewards[index] == 0 and not terminated[index] and not truncated[index]
            else:
                wanted, reward, done, cut, own = env.step(actions[index])
                assert (rewards[index], terminated[index], truncated[index]) == (reward, done, cut)
                assert info["is_success"][index] == own["is_success"]
                over[index] = done or cut
                if over[index] and mode is AutoresetMode.SAME_STEP:
                    np.testing.assert_array_equal(info["final_obs"][index], wanted)
                    wanted = env.reset(seed=2, options={"episode": following})[0]
                    following += 1
                    over[index] = False
            np.testing.assert_array_equal(seen[index], wanted)
    assert following > count


@pytest.mark.skipif(program() is None, reason="no planner program was built")
@pytest.mark.parametrize("task", ["cartpole", "cylinder_push", "push_t", "stack", "avoid"])
def test_evaluations_are_the_programs(task):
    """`evaluate` alone and planned, and the Gymnasium environment, give what `planner run` prints."""
    words = ["run", "--task", task, "--episodes", 3, "--json", "--quiet"]
    env = gym.make(f"imle_planner/{task}-v0")
    alone = ip.evaluate(task, task, episodes=3)
    starts = [(0, {"episode": k}) for k in range(3)]
    outside = ip.evaluate(task, env, starts=starts, execute=ip.Controller(task, task, optimizer="none").horizons.action)
    theirs = json.loads(run(*words, "--optimizer", "none"))
    for key in ("success_rate", "env_steps", "decisions"):
        assert alone.report[key] == outside.report[key] == theirs[key], key
    assert alone.report["mean_cost"] == theirs["mean_cost"]
    for a, b in zip(alone.episodes, outside.episodes):
        assert (a["steps"], a["success"], a["return"]) == (b["steps"], b["success"], b["return"])
    planned = ip.evaluate(task, task, episodes=1, optimizer="cem", candidates=8)
    words = ["run", "--task", task, "--episodes", 1, "--json", "--quiet", "--optimizer", "cem", "--candidates", 8]
    theirs = json.loads(run(*words))
    for key in ("success_rate", "env_steps", "mean_cost", "predicted_cost", "rollouts"):
        assert planned.report[key] == theirs[key], key
