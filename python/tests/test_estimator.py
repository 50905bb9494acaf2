"""Estimators of what pictures show, and generators that act on their estimates."""

import numpy as np
import pytest

import imle_planner as ip
from program import program, run

needs_program = pytest.mark.skipif(program() is None, reason="the program is not built: cargo build")
TINY = {"width": 4, "keypoints": 3}


@needs_program
def test_a_generator_acts_on_what_an_estimator_makes_of_pictures(tmp_path):
    run("demo", "--task", "push_t", "--episodes", 2, "--images", "--out", tmp_path / "data", "--quiet")
    common = {"steps": 2, "network": {"width": 16}, "threads": 1}
    vision = {"cameras": ["top"], "state": ["pusher"], "held_out": 0.5, **TINY}
    eyes = ip.train(tmp_path / "data", out=tmp_path / "eyes", estimate=["all"], vision=vision, **common)
    assert set(eyes.errors) == {term["name"] for term in eyes.spec["action"]["terms"]} and min(eyes.errors.values()) > 0
    assert eyes.horizons == (1, 1, 1) and eyes.spec["pictures"]["cameras"] == ["top"]
    policy = ip.train(tmp_path / "data", out=tmp_path / "seeing", estimator=eyes, vision={"copies": 1}, **common)
    assert policy.spec["observation"] == eyes.spec["observation"] and policy.observation_size == 2
    assert policy.config["estimator"]["spec"]["action"] == eyes.spec["action"]
    pictures = np.random.default_rng(0).integers(0, 256, (policy.horizons.observation, 1, 96, 96, 3), dtype=np.uint8)
    chunks = policy.sample([0.1, 0.2], n=3, pictures=pictures)
    assert chunks.shape == (3, policy.horizons.prediction, policy.action_size) and np.isfinite(chunks).all()
    assert (policy.sample([0.1, 0.2], n=3, pictures=255 - pictures) != chunks).any()
    with pytest.raises(ValueError, match="estimator"):
        ip.train(tmp_path / "data", out=tmp_path / "none", estimator=policy, **common)
    with pytest.raises(ValueError, match="a policy that sees the state"):
        ip.finetune(policy, "push_t", out=tmp_path / "better", env_steps=10)
    assert not (tmp_path / "none").exists() and not (tmp_path / "better").exists()


def test_what_an_estimator_needs_is_named(tmp_path):
    with pytest.raises(ValueError, match="evaluate: expected none for an estimator"):
        ip.train("data", out=tmp_path / "a", estimate=["block"], evaluate=lambda policy, step: {})
    with pytest.raises(ValueError, match="vision.cameras: expected cameras to estimate from"):
        ip.train("data", out=tmp_path / "a", estimate=["block"])
    with pytest.raises(TypeError, match="estimator: expected a Policy"):
        ip.train("data", out=tmp_path / "a", estimator="eyes")
