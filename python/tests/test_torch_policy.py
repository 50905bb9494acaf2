"""The PyTorch module beside the program: chunks, training step, and checkpoints both ways."""

import io
import json

import numpy as np
import pytest
import toy
from program import ROOT, Server, program, run

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -r python/requirements/torch.txt")
from imle_planner import rs_imle  # noqa: E402
from imle_planner.checkpoint_folder import InputError  # noqa: E402
from imle_planner.streams import Stream, train_latents  # noqa: E402
from imle_planner.torch_policy import TorchPolicy  # noqa: E402

needs_program = pytest.mark.skipif(program() is None, reason="the program is not built: cargo build")
CASES = [(name, "imle", residual, 0) for name in toy.NETWORKS for residual in (False, True)]
CASES += [("mlp", method, False, 0) for method in toy.METHODS]
CASES += [("unet", "diffusion", True, 0), ("transformer", "mean-flow", False, 0), ("mlp", "imle", False, 2)]


def fresh(*case) -> TorchPolicy:
    torch.manual_seed(5)
    return TorchPolicy(toy.config(*case)).eval()


@needs_program
@pytest.mark.parametrize("case", CASES, ids=lambda c: "-".join(map(str, c)))
def test_chunks_are_the_programs(case, tmp_path):
    network, method, residual, lead = case
    policy = fresh(network, method, residual and lead == 0, lead)
    policy.save(tmp_path / "c")
    observation = toy.observations(1)
    with Server(tmp_path, "--checkpoint", tmp_path / "c", "--candidates", 5, "--seed", 11) as server:
        ask = {"type": "propose", "observations": observation[0].tolist(), "episode": 3, "reset": True}
        found = np.array(server.ask(**ask)["chunks"], dtype=np.float32)
    wanted = policy.sample(torch.from_numpy(observation), 5, seed=11, episode=3)[0].numpy()
    assert found.shape == wanted.shape == (5, toy.T_PRED, toy.A)
    assert np.abs(found - wanted).max() < 1e-5
    # A dimension that does not vary has its value always.
    assert residual or (wanted[..., 2] == 4.0).all()


STEP = ["--steps", 1, "--batch-size", 12, "--evaluation-episodes", 0, "--seed", 4, "--quiet"]


def program_step(folder, data, *settings) -> tuple[dict, dict, dict]:
    """Log line, configuration and gradient of the program's first training step."""
    from safetensors.numpy import load_file

    words = [word for setting in ("samples=6", "log_every=1", *settings) for word in ("--set", setting)]
    cameras = ["--cameras", "top"] if any("vision" in s for s in settings) else []
    run("train", "--data", data, "--out", folder, *STEP, *cameras, *words)
    state = json.loads((folder / "training_state/state.json").read_text())
    log = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    # The first moment after one step is a tenth of the gradient, cut to norm 1.
    scale = 10.0 * max(log["train/grad_norm"], 1.0)
    saved = load_file(folder / "training_state" / state["tensors"])
    gradient = {k.removeprefix("first_moment."): scale * v for k, v in saved.items() if k.startswith("first_moment.")}
    return log, state["config"], gradient


def the_batch(table, policy) -> dict:
    """The batch that the program draws from a dataset of one episode."""
    frames, actions = (np.array(table[n].to_pylist(), np.float32) for n in ("observation.state", "action"))
    last = len(frames) - 1
    at = [min(int(Stream(4, "batch", row).uniform() * len(frames)), last) for row in range(12)]
    past = np.array([[max(t - 1, 0), t] for t in at])
    return {
        "observations": torch.from_numpy(frames[past][:, :, : policy.observation_size]),
        "actions": torch.from_numpy(np.stack([actions[np.minimum(np.arange(t, t + 16), last)] for t in at])),
        "latents": torch.from_numpy(train_latents(12, 6, policy.latent_size, seed=4)),
        "past": past,
    }


def check_step(policy, batch, epsilon, log, gradient) -> dict:
    loss, figures = policy.rs_imle_loss(batch, epsilon=epsilon)
    loss.backward()
    assert abs(loss.item() - log["train/loss"]) < 1e-5
    for name, value in figures.items():
        assert abs(value - log[f"train/{name}"]) < 1e-5, name
    norm = log["train/grad_norm"]
    found = {name: p.grad.numpy() for name, p in policy.network.named_parameters()}
    assert abs(np.sqrt(sum((g**2).sum() for g in found.values())) - norm) < 1e-5 * max(norm, 1.0)
    for name, g in found.items():
        assert np.abs(g - gradient[name]).max() < 1e-5 * max(norm, 1.0), name
    return figures


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    folder = tmp_path_factory.mktemp("data") / "demonstrations"
    run("demo", "--task", "cylinder_push", "--episodes", 1, "--out", folder, "--quiet")
    return folder


def table(folder):
    import pyarrow.parquet

    return pyarrow.parquet.read_table(sorted((folder / "data").rglob("*.parquet")))


@needs_program
@pytest.mark.parametrize("network", ["mlp", "transformer", "unet_low"])
@pytest.mark.parametrize("residual", [False, True])
def test_a_training_step_has_the_programs_loss_and_gradient(network, residual, demonstrations, tmp_path):
    settings = [f"network.{key}={json.dumps(v)}" for key, v in toy.NETWORKS[network].items() if key != "kind"]
    settings += [f"network.kind={toy.NETWORKS[network]['kind']}", f"residual={json.dumps(residual)}"]
    # Some of the fresh network's candidates lie within this distance.
    epsilon = 0.62
    log, config, gradient = program_step(tmp_path / "out", demonstrations, *settings, f"epsilon={epsilon}")
    policy = TorchPolicy(config).initialize(4)
    figures = check_step(policy, the_batch(table(demonstrations), policy), epsilon, log, gradient)
    assert 0.0 < figures["survivor_share"] < 1.0


@needs_program
def test_a_training_step_from_pictures_is_the_programs(tmp_path):
    PIL = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    run("demo", "--task", "push_t", "--episodes", 1, "--images", "--out", tmp_path / "data", "--quiet")
    vision = {"width": 4, "keypoints": 3, "features": 5, "crop": 1.0, "colour_jitter": 0.0}
    settings = [f"vision.{key}={value}" for key, value in vision.items()] + ["network.width=16"]
    log, config, gradient = program_step(tmp_path / "out", tmp_path / "data", *settings)
    policy = TorchPolicy(config).initialize(4)
    frames = table(tmp_path / "data")
    batch = the_batch(frames, policy)
    pictures = frames["observation.images.top"].to_pylist()
    decode = lambda i: np.asarray(PIL.open(io.BytesIO(pictures[i]["bytes"])).convert("RGB"))
    seen = np.stack([[decode(i)[None] for i in row] for row in batch["past"]])
    batch["pictures"] = policy.pictures(torch.from_numpy(seen))
    check_step(policy, batch, 0.005, log, gradient)


@needs_program
def test_the_program_reads_what_is_saved_and_it_reads_what_the_program_saves(tmp_path):
    policy = TorchPolicy.load(program_folder := ROOT / "configs/checkpoints/cylinder_push")
    policy.save(tmp_path / "c")
    (tmp_path / "c" / "notes.txt").write_text("mine")
    flags = ["--task", "cylinder_push", "--optimizer", "none", "--episodes", 2, "--json", "--quiet"]
    ours = json.loads(run("run", *flags, "--checkpoint", tmp_path / "c"))
    theirs = json.loads(run("run", *flags, "--checkpoint", program_folder))
    assert ours["success_rate"] == theirs["success_rate"] and ours["mean_cost"] == theirs["mean_cost"]
    policy.save(tmp_path / "c")
    names = sorted(path.name for path in (tmp_path / "c").iterdir())
    assert names == ["config.json", "model.safetensors", "notes.txt"]


def test_several_targets_are_assigned_jointly_and_a_state_counts_once():
    pytest.importorskip("scipy", reason="scipy is not installed")
    # The hand-worked case of policy/src/rs_imle.rs: the second state has one kept target.
    x = torch.tensor([[0.05, 0.3, 0.4, 0.98], [-0.5, 0.2, 1.0, 2.0]])
    y = torch.tensor([0.0, 1.0])
    distances = (x[:, :, None] - y).abs()
    mask = torch.tensor([[True, True], [True, False]])
    candidates, kept, figures = rs_imle.select(distances, mask, torch.tensor([0.1, 0.1]))
    assert candidates.tolist() == [[1, 2], [1, 0]] and kept.tolist() == [[True, True], [True, False]]
    assert figures["survivor_share"] == 6 / 8 and figures["dropped"] == 0.0
    assert abs(figures["nearest_unrejected"] - (0.05 + 0.02 + 0.2) / 3.0) < 1e-6
    joint = rs_imle.select(torch.tensor([[[0.2, 0.3], [0.4, 2.0]]]), torch.ones(1, 2, dtype=torch.bool), 0.0)
    assert joint[0].tolist() == [[1, 0]]
    chunks = torch.zeros(2, 10, 1)
    chunks[0, 0], chunks[1] = 0.5, 0.1 * torch.arange(1, 11)[:, None]
    mask = torch.ones(2, 10, dtype=torch.bool)
    mask[0, 1:] = False
    assert abs(rs_imle.loss(chunks, torch.zeros(2, 10, 1), mask).item() - (0.5 + 0.55) / 2) < 1e-6


def test_a_candidate_that_is_not_finite_teaches_nothing():
    policy = fresh("mlp")
    batch = {"observations": torch.from_numpy(toy.observations(2)), "actions": torch.zeros(2, toy.T_PRED, toy.A)}
    batch["latents"] = torch.full((2, 4, policy.latent_size), torch.inf)
    loss, _ = policy.rs_imle_loss(batch)
    loss.backward()
    assert loss.item() == 0.0 and all(not p.grad.any() for p in policy.network.parameters())


def test_wrong_shapes_are_named():
    policy = fresh("mlp")
    right = torch.zeros(1, toy.T_OBS, toy.O), torch.zeros(1, 2, policy.latent_size)
    for bad, text in [
        ((right[0][0], right[1]), r"observations: expected \(B, 2, 5\), found \(2, 5\)"),
        ((right[0], right[1][..., :3]), r"latents: expected \(B, n, 24\), found \(1, 2, 3\)"),
    ]:
        with pytest.raises(ValueError, match=text):
            policy(*bad)
    with pytest.raises(ValueError, match=r"actions: expected \(B, n, 8, 3\)"):
        policy.rs_imle_loss({"observations": right[0], "actions": torch.zeros(1, 7, 3)})


def test_damage_is_named_in_one_line(tmp_path):
    folder = tmp_path / "c"
    fresh("mlp").save(folder)
    config, model = (folder / "config.json").read_text(), (folder / "model.safetensors").read_bytes()

    def fails(*parts):
        with pytest.raises(InputError) as error:
            TorchPolicy.load(folder)
        text = str(error.value)
        assert "\n" not in text and all(part in text for part in parts), text

    def edit(key, value):
        changed = json.loads(config)
        place = changed
        for name in key[:-1]:
            place = place[name]
        place[key[-1]] = value
        (folder / "config.json").write_text(json.dumps(changed))

    for key, value, *parts in [
        (["format"], 2, "config.json: format", "newer version of planner"),
        (["method"], "imel", "config.json: method"),
        (["network", "kind"], "mpl", "config.json: network.kind"),
        (["network", "width"], 32, "model.safetensors: encoder.0.weight", "[32, 10]"),
        (["network", "width"], "wide", "config.json"),
        (["horizons"], {}, "config.json", "'observation'"),
        (["spec", "action", "terms"], [{"name": "a"}], "config.json"),
        (["normalizers", "action", "min"], [0.0], "config.json"),
        (["normalizers", "residual"], {"weights": [1.0], "scale": [1.0]}, "config.json"),
        (["network", "width"], -4, "config.json"),
        (["weights_crc32"], "00000000", "model.safetensors", "00000000"),
    ]:
        edit(key, value)
        fails(*parts)
    (folder / "config.json").write_text(config[:40])
    fails("config.json")
    (folder / "config.json").write_text(config)
    for damaged, *parts in [
        (model[:-5], "model.safetensors", "a whole safetensors file"),
        (b"", "model.safetensors"),
        (model[:-1] + bytes([model[-1] ^ 1]), "model.safetensors", "checksum"),
        (model.replace(b"encoder.1.bias", b"encoder.1.bios"), "encoder.1.bias", "none of that name"),
    ]:
        (folder / "model.safetensors").write_bytes(damaged)
        fails(*parts)
    (folder / "model.safetensors").unlink()
    fails("model.safetensors: cannot read")
    # Killed between the configuration and the last rename: the fresh weights are found.
    fresh_name = f"model-{json.loads(config)['weights_crc32']}.safetensors"
    (folder / fresh_name).write_bytes(model)
    TorchPolicy.load(folder)
