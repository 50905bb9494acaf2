"""The peer of `planner bench sample` and `bench train`: LeRobot's U-Net in PyTorch, as a generator of one pass.

Arguments: sample|train model.safetensors sizes.json threads. The U-Net is LeRobot's own class without an embedding of
the time, with our weights. Prints its chunks for the latents sin(0), sin(1), … of two rows as JSON once ready; then for
every line it reads the seconds that drawing so many chunks took, or a training step.
"""
import json
import math
import sys
import time
from types import SimpleNamespace

import torch
from lerobot.policies.diffusion.modeling_diffusion import DiffusionConditionalUnet1d
from safetensors.torch import load_file

mode, weights, sizes, threads = sys.argv[1:]
with open(sizes) as file:
    sizes = SimpleNamespace(**json.load(file))
torch.set_num_threads(int(threads))
torch.manual_seed(0)
T, A, O = sizes.prediction, sizes.action, sizes.observation
config = SimpleNamespace(
    diffusion_step_embed_dim=0, down_dims=sizes.down_dims, kernel_size=sizes.kernel_size, n_groups=sizes.n_groups,
    use_film_scale_modulation=True, action_feature=SimpleNamespace(shape=[A]))
unet = DiffusionConditionalUnet1d(config, global_cond_dim=O)


def theirs(name):
    return name.replace(".blocks.0.", ".conv1.").replace(".blocks.1.", ".conv2.").replace(".2.conv.", ".2.")


unet.load_state_dict({**{n: p for n, p in unet.state_dict().items() if p.numel() == 0},
                      **{theirs(n): p for n, p in load_file(weights).items()}})


def generate(observations, z):
    return unet(z, torch.zeros(len(z)), global_cond=observations)


def sample(n):
    observation = torch.full((1, O), 0.1)
    with torch.inference_mode():
        begun = time.perf_counter()
        generate(observation.expand(n, -1), torch.randn(n, T, A))
        return time.perf_counter() - begun


class Training:
    """RS-IMLE: candidates without gradient, gradient through the nearest survivors only."""

    def __init__(self):
        self.parameters = [p for p in unet.parameters() if p.numel() > 0]
        self.average = [p.detach().clone() for p in self.parameters]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=1e-4, weight_decay=1e-6)
        self.data = torch.randn(sizes.batch, O), torch.randn(sizes.batch, T, A)
        self.updates = 0

    def step(self):
        begun = time.perf_counter()
        observations, targets = self.data
        b, m, root = sizes.batch, sizes.samples, math.sqrt(T * A)
        with torch.no_grad():
            z = torch.randn(b * m, T, A)
            chunks = generate(observations.repeat_interleave(m, 0), z).reshape(b, m, -1)
            distances = (chunks - targets.view(b, 1, -1)).norm(dim=-1) / root
            distances = distances.masked_fill(distances <= sizes.epsilon, math.inf)
            least, nearest = distances.min(1)
            chosen = z.view(b, m, T, A)[torch.arange(b), nearest]
        loss = (generate(observations, chosen) - targets).flatten(1).norm(dim=1) / root
        loss = loss[least.isfinite()].mean()
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.updates += 1
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.parameters, self.updates ** -0.75)
        return time.perf_counter() - begun


latents = torch.arange(2 * T * A, dtype=torch.float64).sin().float().view(2, T, A)
with torch.inference_mode():
    ready = generate(torch.full((2, O), 0.1), latents).flatten().tolist()
training = Training() if mode == "train" else None
print(json.dumps(ready), flush=True)
for line in sys.stdin:
    print(training.step() if training else sample(int(line)), flush=True)
