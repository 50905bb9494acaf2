"""Exported files in programs that know nothing of this package."""

import json
import subprocess
import sys

import numpy as np
import pytest
import toy
from program import ROOT, program, run

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -r python/requirements/torch.txt")
from imle_planner import export  # noqa: E402
from imle_planner.torch_policy import TorchPolicy  # noqa: E402

# Half the range of the toy's actions.
RANGE = 2.5
CASES = {
    "mlp": ("mlp", "imle", True),
    "transformer": ("transformer_low", "imle", False),
    "unet": ("unet", "imle", False),
}


def saved(name, tmp_path):
    torch.manual_seed(2)
    TorchPolicy(toy.config(*CASES[name])).save(tmp_path / "c")
    return tmp_path / "c"


def inputs(policy, rows=4, n=6):
    observations = torch.from_numpy(toy.observations(rows))
    return observations, torch.randn(rows, n, policy.latent_size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["mlp", "unet"])
def test_a_pytorch_program_gives_the_checkpoints_chunks(name, tmp_path):
    folder = saved(name, tmp_path)
    assert export.main(["--to", "torch", str(folder), "--out", str(tmp_path / "g.pt2")]) == 0
    policy = TorchPolicy.load(folder)
    given = inputs(policy)
    np.savez(tmp_path / "given.npz", observations=given[0].numpy(), latents=given[1].numpy())
    # In a process without this package.
    code = f"""import numpy, torch
given = numpy.load({str(tmp_path / "given.npz")!r})
extra = {{"imle.json": ""}}
module = torch.export.load({str(tmp_path / "g.pt2")!r}, extra_files=extra).module()
chunks = module(*(torch.from_numpy(given[k]) for k in ("observations", "latents")))
numpy.save({str(tmp_path / "chunks.npy")!r}, chunks.detach().numpy())
print(extra["imle.json"])"""
    command = [sys.executable, "-W", "ignore", "-I", "-S", "-c", f"import sys; sys.path += {site()!r}\n" + code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(json.loads(done.stdout)["imle.horizons"])["prediction"] == toy.T_PRED
    with torch.no_grad():
        assert np.abs(np.load(tmp_path / "chunks.npy") - policy(*given).numpy()).max() < 1e-5 * RANGE


def site() -> list[str]:
    return [path for path in sys.path if path.endswith("-packages")]


@pytest.mark.parametrize("name", ["mlp", "transformer"])
def test_an_onnx_model_gives_the_checkpoints_chunks(name, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    folder = saved(name, tmp_path)
    assert export.main(["--to", "onnx", str(folder), "--out", str(tmp_path / "g.onnx")]) == 0
    session = onnxruntime.InferenceSession(str(tmp_path / "g.onnx"), providers=["CPUExecutionProvider"])
    policy = TorchPolicy.load(folder)
    given = inputs(policy)
    chunks = session.run(["chunks"], {"observations": given[0].numpy(), "latents": given[1].numpy()})[0]
    with torch.no_grad():
        assert np.abs(chunks - policy(*given).numpy()).max() < 1e-5 * RANGE
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["imle.action"]) == [{"name": "target", "size": toy.A}]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "g.onnx"]


@pytest.mark.skipif(program() is None, reason="the program is not built: cargo build")
def test_the_program_runs_the_checkpoint_of_a_lerobot_folder(tmp_path):
    checkpoint = ROOT / "configs/checkpoints/cylinder_push"
    assert export.main(["--to", "lerobot", str(checkpoint), "--out", str(tmp_path / "p")]) == 0
    flags = ["--task", "cylinder_push", "--optimizer", "none", "--episodes", 1, "--json", "--quiet"]
    results = [json.loads(run("run", *flags, "--checkpoint", c)) for c in (checkpoint, tmp_path / "p" / "imle")]
    assert results[0]["mean_cost"] == results[1]["mean_cost"]
    config = json.loads((tmp_path / "p" / "config.json").read_text())
    assert config["type"] == "imle" and config["input_features"]["observation.state"]["shape"] == [8]


def test_a_bad_input_is_one_line_and_leaves_nothing(tmp_path, capsys):
    TorchPolicy(toy.config()).save(tmp_path / "c")
    (tmp_path / "taken").write_text("mine")
    (tmp_path / "empty").mkdir()
    for words, part in [
        ([tmp_path / "none", "--out", tmp_path / "o"], "none"),
        ([tmp_path / "empty", "--out", tmp_path / "o"], "empty"),
        ([tmp_path / "c", "--out", tmp_path / "taken"], "taken: expected a new place"),
        ([tmp_path / "c", "--out", tmp_path / "no" / "o"], "no: expected a folder"),
    ]:
        assert export.main(["--to", "lerobot", *map(str, words)]) == 2
        text = capsys.readouterr().err
        assert text.count("\n") == 1 and part in text, text
    (tmp_path / "c" / "model.safetensors").write_bytes(b"")
    assert export.main(["--to", "torch", str(tmp_path / "c"), "--out", str(tmp_path / "o")]) == 2
    assert "model.safetensors" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "empty", "taken"]
