"""The PyTorch module beside the program: chunks, training step, and checkpoints both ways."""

import json

import numpy as np
import pytest
import toy
from program import Server, program, run

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
