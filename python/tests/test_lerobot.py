"""The policy type `imle` in the real LeRobot: trains, acts, records on a robot, and is read by the program."""

import json
import logging
import sys
from pathlib import Path

import numpy as np
import pytest
from program import ROOT, Server, program, run

pytest.importorskip("lerobot", reason="LeRobot is not installed (Python 3.12): python/requirements/lerobot.txt")
pytest.importorskip("lerobot_policy_imle", reason="not installed: pip install python/lerobot/lerobot_policy_imle")
import torch  # noqa: E402
from imle_planner import export  # noqa: E402
from imle_planner.torch_policy import TorchPolicy  # noqa: E402
from lerobot.configs import PreTrainedConfig  # noqa: E402
from lerobot.policies import get_policy_class, make_pre_post_processors  # noqa: E402
from lerobot.utils.import_utils import register_third_party_plugins  # noqa: E402

needs_program = pytest.mark.skipif(program() is None, reason="the program is not built: cargo build")
CHECKPOINT = ROOT / "configs/checkpoints/cylinder_push"


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    for name, value in {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}.items():
        monkeypatch.setenv(name, value)
    yield
    # LeRobot's commands set the root logger up anew each time.
    logging.getLogger().handlers.clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("exported") / "policy"
    export.export(CHECKPOINT, "lerobot", place)
    return place


def command(name: str, monkeypatch, *words) -> None:
    """Runs a command of LeRobot in this process."""
    import importlib

    monkeypatch.setattr(sys, "argv", [f"lerobot-{name}", *map(str, words)])
    importlib.import_module(f"lerobot.scripts.lerobot_{name}").main()


def test_lerobot_finds_the_packages_by_their_names():
    register_third_party_plugins()
    assert "imle" in PreTrainedConfig.get_known_choices()
    assert get_policy_class("imle").__name__ == "ImlePolicy"


@needs_program
def test_it_acts_as_the_program_does(folder, tmp_path):
    config = PreTrainedConfig.from_pretrained(folder)
    policy = get_policy_class("imle").from_pretrained(folder, config=config)
    before, after = make_pre_post_processors(config, pretrained_path=str(folder))
    low, high = (policy.average.observation.inverse(torch.full((8,), x)).numpy() for x in (-1.0, 1.0))
    seen = np.random.default_rng(0).uniform(low, high, (12, 8)).astype(np.float32)
    # The second of two episodes side by side, so that its number keys the draws.
    actions = []
    for row in seen:
        batch = {"observation.state": torch.from_numpy(np.stack([row * 0.5, row]))}
        actions.append(after(policy.select_action(before(batch)))[1].numpy())
    with Server(tmp_path, "--checkpoint", folder / "imle", "--candidates", 1) as server:
        first = server.ask(type="decide", observations=[seen[0].tolist()], episode=1, reset=True)
        second = server.ask(type="decide", observations=seen[1:9].tolist()[-2:], executed=8, episode=1)
    wanted = np.array(first["chunk"][:8] + second["chunk"][:4], dtype=np.float32)
    assert np.abs(np.stack(actions) - wanted).max() < 1e-5
    policy.reset()
    again = policy.select_action(before({"observation.state": torch.from_numpy(seen[:1])}))
    one = policy.average.sample(torch.from_numpy(seen[None, [0, 0]]), 1, seed=0, episode=2)
    assert (again - one[:, 0, 0]).abs().max() < 1e-5


@needs_program
def test_it_trains_resumes_and_the_program_reads_the_result(monkeypatch, tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    run("demo", "--task", "cylinder_push", "--episodes", 1, "--out", data, "--quiet")
    shared = ["--policy.push_to_hub=false", "--dataset.repo_id=local/data", f"--dataset.root={data}", "--num_workers=0"]
    settings = [
        "--policy.type=imle",
        "--policy.device=cpu",
        "--policy.width=16",
        "--policy.blocks=1",
        "--batch_size=16",
    ]
    command("train", monkeypatch, *settings, *shared, f"--output_dir={out}", "--steps=6", "--log_freq=1")
    last = out / "checkpoints/last/pretrained_model"
    config = json.loads((last / "imle/config.json").read_text())
    assert config["spec"]["task"] == "cylinder_push" and config["spec"]["observation"]["terms"][0]["name"] == "pusher"
    assert config["provenance"]["steps"] == 6 and config["network"]["width"] == 16
    result = json.loads(
        run(
            "run",
            "--task",
            "cylinder_push",
            "--checkpoint",
            last / "imle",
            "--optimizer",
            "none",
            "--episodes",
            1,
            "--json",
            "--quiet",
        )
    )
    assert result["episodes"] == 1
    first = TorchPolicy.load(last / "imle")
    command("train", monkeypatch, f"--config_path={last / 'train_config.json'}", "--resume=true", "--steps=8")
    second = TorchPolicy.load(last / "imle")
    assert json.loads((last / "imle/config.json").read_text())["provenance"]["steps"] == 8
    moved = [(a - b).abs().max().item() for a, b in zip(first.parameters(), second.parameters())]
    assert 0.0 < max(moved) < 0.1
    online = get_policy_class("imle").from_pretrained(last).online
    assert max((a - b).abs().max() for a, b in zip(online.parameters(), second.parameters())) > 0.0
    # A checkpoint from elsewhere in its place: what was trained before it is not gone on with.
    first.save(last / "imle")
    online = get_policy_class("imle").from_pretrained(last).online
    assert all(torch.equal(a, b) for a, b in zip(online.parameters(), first.parameters()))
    # Fine-tuning of what it has written, by its own path.
    command("train", monkeypatch, f"--policy.path={last}", *shared, f"--output_dir={tmp_path / 'tuned'}", "--steps=2")
    assert (tmp_path / "tuned/checkpoints/last/pretrained_model/imle/model.safetensors").exists()


@needs_program
def test_its_outcomes_are_the_programs(folder, monkeypatch, tmp_path):
    pytest.importorskip("imle_planner._native", reason="the native module is not built: make python")
    pytest.importorskip("lerobot_env_imle", reason="not installed: pip install python/lerobot/lerobot_env_imle")
    command(
        "eval",
        monkeypatch,
        f"--policy.path={folder}",
        "--env.type=imle",
        "--env.task=cylinder_push",
        "--seed=0",
        "--eval.n_episodes=3",
        "--eval.batch_size=3",
        "--eval.use_async_envs=false",
        "--eval.recording=true",
        f"--output_dir={tmp_path / 'e'}",
    )
    found = json.loads((tmp_path / "e/eval_info.json").read_text())["per_task"][0]["metrics"]["successes"]
    flags = ["--task", "cylinder_push", "--optimizer", "none", "--episodes", 3, "--json", "--quiet"]
    unsolved = json.loads(run("run", *flags))["unsolved"]
    assert found == [number not in unsolved for number in range(3)]


def test_it_records_episodes_on_the_mock_robot(folder, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    data = {"repo_id": "local/rollout_mock", "root": tmp_path / "data", "num_episodes": 2, "episode_time_s": 0.4}
    data |= {"reset_time_s": 0.1, "fps": 10, "single_task": "push", "push_to_hub": "false"}
    robot = ["--robot.discover_packages_path=mock_robot", "--robot.type=imle_mock", "--robot.size=8"]
    command(
        "rollout",
        monkeypatch,
        "--strategy.type=episodic",
        f"--policy.path={folder}",
        *robot,
        "--fps=10",
        "--play_sounds=false",
        "--return_to_initial_position=false",
        *(f"--dataset.{key}={value}" for key, value in data.items()),
    )
    info = json.loads((tmp_path / "data/meta/info.json").read_text())
    assert info["total_episodes"] == 2 and info["total_frames"] >= 6
    low, high = (
        json.loads((CHECKPOINT / "config.json").read_text())["normalizers"]["action"][k] for k in ("min", "max")
    )
    stats = json.loads((tmp_path / "data/meta/stats.json").read_text())["action"]
    span = np.subtract(high, low)
    assert (np.array(stats["min"]) > low - span).all() and (np.array(stats["max"]) < high + span).all()
    assert (np.subtract(stats["max"], stats["min"]) > 0.0).all()


def test_a_folder_that_does_not_fit_is_refused(folder, tmp_path):
    config = PreTrainedConfig.from_pretrained(folder)
    config.input_features["observation.state"].shape = (9,)
    with pytest.raises(
        ValueError, match=r"expected \(observation, action, cameras\) of \(8, 2, 0\), found \(9, 2, 0\)"
    ):
        get_policy_class("imle").from_pretrained(folder, config=config)
    with pytest.raises(ValueError, match="expected a folder with a checkpoint"):
        get_policy_class("imle")(PreTrainedConfig.from_pretrained(folder))
    for setting, value in {"n_action_steps": 17, "samples": 0, "epsilon": -1.0}.items():
        with pytest.raises(ValueError, match="expected"):
            type(config)(device="cpu", **{setting: value})


def test_a_generator_from_pictures_learns_and_acts(tmp_path):
    cls = PreTrainedConfig.get_choice_class("imle")
    from lerobot.configs import FeatureType, PolicyFeature

    feature = lambda kind, *shape: PolicyFeature(type=FeatureType[kind], shape=shape)
    config = cls(device="cpu", width=16, blocks=1, picture_width=4, keypoints=3, picture_features=5, samples=3)
    config.input_features = {
        "observation.state": feature("STATE", 4),
        "observation.environment_state": feature("ENV", 2),
        "observation.images.top": feature("VISUAL", 3, 48, 64),
        "observation.images.wrist": feature("VISUAL", 3, 48, 64),
    }
    config.output_features = {"action": feature("ACTION", 2)}
    sizes = {"observation.state": 4, "observation.environment_state": 2, "action": 2}
    stats = {name: {"min": -np.ones(size), "max": np.ones(size)} for name, size in sizes.items()}
    policy = get_policy_class("imle")(config, dataset_stats=stats)
    batch = {name: torch.rand(5, 16 if name == "action" else 2, size) for name, size in sizes.items()}
    batch |= {name: torch.rand(5, 2, 3, 48, 64) for name in config.image_features}
    loss, figures = policy.train().forward(batch)
    loss.backward()
    assert loss.item() > 0.0 and figures["survivor_share"] > 0.0
    assert all(p.grad.abs().max() > 0.0 for n, p in policy.online.named_parameters() if "vision.1.conv1" in n)
    policy.update()
    policy.eval().save_pretrained(tmp_path / "p")
    again = get_policy_class("imle").from_pretrained(tmp_path / "p")
    one = {name: value[:, 0] for name, value in batch.items() if name != "action"}
    assert torch.allclose(again.select_action(one), policy.select_action(one), atol=1e-5)
