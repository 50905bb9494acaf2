"""A generator of action chunks as a PyTorch module, read from a checkpoint's folder and written back to one.

>>> policy = TorchPolicy.load("runs/generator")                          # doctest: +SKIP
>>> chunks = policy(observations, latents)                               # doctest: +SKIP
>>> loss, figures = policy.rs_imle_loss({"observations": o, "actions": a})   # doctest: +SKIP
"""

import copy
import math
import os
from pathlib import Path

import numpy as np

try:
    import torch
    from torch import Tensor, nn
except ImportError:
    raise ImportError("expected the package torch 2.11.0, found none; pip install torch==2.11.0") from None

from . import checkpoint_folder, rs_imle, torch_networks
from .checkpoint_folder import unexpected
from .diffusion_schedule import signals, visited
from .streams import Stream, latents as stream_latents

TIMES = {"imle": 0, "regression": 0, "flow": 1, "diffusion": 1, "mean-flow": 2}
PASSES = {"flow": 8, "diffusion": 10}
# Factor of a time before its embedding.
TIME_SCALE = 100.0
CONSTANT_RANGE = 1e-4
# Shares of red, green and blue in the grey of a pixel (ITU-R BT.601).
GREY = [0.2989, 0.587, 0.114]


def _affine(normalizer: dict) -> np.ndarray:
    """Center, scale and offset of every dimension, (3, size) float32: n = (x − center) / scale + offset."""
    if "maps" in normalizer:
        maps = normalizer["maps"]
        return np.array([[m[key] for m in maps] for key in ("center", "scale", "offset")], dtype=np.float32)
    low, high = (np.array(normalizer[key], dtype=np.float32) for key in ("min", "max"))
    half = np.float32(0.5)
    mid, scale = low * half + high * half, high * half - low * half
    constant = scale <= half * np.float32(CONSTANT_RANGE) * np.maximum(np.abs(mid), np.float32(1.0))
    return np.stack([mid, np.where(constant, np.float32(0.0), scale), np.zeros_like(mid)])


class Normalizer(nn.Module):
    """The map between physical and normalised units, over the last dimension. Constant dimensions have scale 0."""

    def __init__(self, normalizer: dict, size: int, place: str):
        super().__init__()
        found = [len(normalizer[key]) for key in (["maps"] if "maps" in normalizer else ["min", "max"])]
        rows = _affine(normalizer) if set(found) == {size} else np.full((3, size), np.nan)
        if not (np.isfinite(rows).all() and (rows[1] >= 0.0).all()):
            raise unexpected(place, f"{size} finite ranges", " and ".join(map(str, found)))
        for name, row in zip(("center", "scale", "offset"), torch.from_numpy(rows)):
            self.register_buffer(name, row, persistent=False)
        self.register_buffer("constant", self.scale == 0.0, persistent=False)
        self.register_buffer("divisor", torch.where(self.constant, 1.0, self.scale), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(self.constant, self.offset, (x - self.center) / self.divisor + self.offset)

    def inverse(self, n: Tensor) -> Tensor:
        return self.center + (n - self.offset) * self.scale


class TorchPolicy(nn.Module):
    """The generator of a checkpoint. It computes in float32, whatever `sampling.precision` says.

    `latent_size` is Z, the normal values that a chunk is made from; `steps`, `action_size`, `history`,
    `observation_size` are T_pred, A, T_obs, O.
    """

    def __init__(self, config: dict):
        """A fresh policy of a checkpoint's configuration, its weights drawn as PyTorch does."""
        super().__init__()
        self.config = config = copy.deepcopy(config)
        config.pop(checkpoint_folder.CHECKSUM, None)
        spec, horizons = config["spec"], config["horizons"]
        size = lambda layout: sum(term["size"] for term in layout["terms"])
        self.observation_size, self.action_size = size(spec["observation"]), size(spec["action"])
        self.history, self.steps = horizons["observation"], horizons["prediction"]
        self.lead = config.get("lead", 0)
        self.method = config["method"]
        for key, value, known in (
            ("method", self.method, TIMES),
            ("network.kind", config["network"].get("kind"), torch_networks.NETWORKS),
        ):
            if value not in known:
                raise unexpected(f"{checkpoint_folder.CONFIG_FILE}: {key}", f"one of {', '.join(known)}", value)
        if config.get("estimator"):
            raise unexpected(f"{checkpoint_folder.CONFIG_FILE}: estimator", "none, for PyTorch", "one")
        self.sampling = config.get("sampling", {})
        observation, vision = self.history * self.observation_size, config.get("vision")
        vision = VISION_DEFAULTS | vision if vision else None
        encoders = []
        if vision:
            if (kind := vision.get("kind", "resnet18")) != "resnet18":
                raise unexpected(f"{checkpoint_folder.CONFIG_FILE}: vision.kind", "resnet18, for PyTorch", kind)
            cameras = spec["pictures"]["cameras"]
            encoders = [torch_networks.Encoder(vision) for _ in range(1 if vision["shared"] else len(cameras))]
            observation += self.history * len(cameras) * encoders[0].features
            self.pictures = Pictures(vision, spec["pictures"])
        shape = {
            "observation": observation,
            "prediction": self.steps + self.lead,
            "action": self.action_size,
            "times": TIMES[self.method],
        }
        self.network = torch_networks.build(NETWORK_DEFAULTS | config["network"], shape, encoders)
        self.latent_size = self.draws * self.network.latent_size
        normalizers = config["normalizers"]
        place = f"{checkpoint_folder.CONFIG_FILE}: normalizers"
        self.observation = Normalizer(normalizers["observation"], self.observation_size, f"{place}.observation")
        self.action = Normalizer(normalizers["action"], self.action_size, f"{place}.action")
        residual = normalizers.get("residual")
        if residual:
            # (T_pred · A, T_obs · O + 1), the last column for a 1 behind the history.
            weights = torch.tensor(residual["weights"]).view(self.steps * self.action_size, -1)
            self.register_buffer("residual_weights", weights, persistent=False)
            self.register_buffer("residual_scale", torch.tensor(residual["scale"]), persistent=False)
        self.residual = bool(residual)

    @property
    def passes(self) -> int:
        """Passes of the network a chunk."""
        asked = self.sampling.get("passes", 0)
        if self.method == "diffusion" and not asked:
            return min(PASSES["diffusion"], self._schedule["steps"])
        return 1 if TIMES[self.method] == 0 else asked or PASSES.get(self.method, 1)

    @property
    def draws(self) -> int:
        """Latents of a chunk's size that it is made from: one, or one a pass of DDPM."""
        return self.passes if self.sampling.get("solver") == "ddpm" else 1

    @property
    def _schedule(self) -> dict:
        return SCHEDULE_DEFAULTS | self.sampling.get("schedule", {})

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "TorchPolicy":
        """The policy of the checkpoint in `folder`, in evaluation mode.

        Raises `InputError`, one line naming file and key, for one that is damaged or does not fit.
        """
        folder = Path(folder)
        config = checkpoint_folder.read_config(folder)
        try:
            policy = cls(config)
        except checkpoint_folder.InputError as error:
            raise checkpoint_folder.InputError(f"{folder}/{error}") from None
        except (LookupError, TypeError, AttributeError, ValueError, RuntimeError, ArithmeticError) as error:
            found = f"none of {error}" if isinstance(error, KeyError) else str(error).partition("\n")[0]
            raise unexpected(folder / checkpoint_folder.CONFIG_FILE, "a checkpoint's configuration", found) from None
        shapes = {name: tuple(p.shape) for name, p in torch_networks.parameters_in_order(policy.network)}
        weights = checkpoint_folder.read_weights(folder, config, shapes)
        policy.network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        return policy.eval()

    def save(self, folder: str | os.PathLike) -> None:
        """Writes the checkpoint into `folder`, whole or not at all, for `planner run --checkpoint` and all others.

        Raises `ValueError` if a weight is not finite.
        """
        weights = {}
        for name, parameter in torch_networks.parameters_in_order(self.network):
            weights[name] = parameter.detach().to("cpu", torch.float32).numpy()
            if not np.isfinite(weights[name]).all():
                raise ValueError(f"{name}: expected finite weights, found others")
        checkpoint_folder.write(Path(folder), self.config, weights)

    def initialize(self, seed: int) -> "TorchPolicy":
        """Draws fresh weights as `planner train --seed` does."""
        fan_in = 1
        for index, (name, parameter) in enumerate(torch_networks.parameters_in_order(self.network)):
            layer = self.network.get_submodule(name.rpartition(".")[0])
            if isinstance(layer, nn.GroupNorm):
                nn.init.constant_(parameter, 1.0 if name.endswith("weight") else 0.0)
                continue
            fan_in = math.prod(parameter.shape[1:]) if parameter.dim() > 1 else fan_in
            bound = np.float32(0.1 if name == "position" else 1.0 / np.sqrt(np.float32(fan_in)))
            if isinstance(layer, nn.Conv2d) and layer.bias is None:
                bound = np.sqrt(np.float32(6.0 / (layer.out_channels * layer.kernel_size[0] ** 2)))
            values = Stream(seed, "weights", index).uniforms(parameter.numel()) * np.float32(2.0) - np.float32(1.0)
            with torch.no_grad():
                parameter.copy_(torch.from_numpy(values * bound).view(parameter.shape))
        return self

    def normalized(self, observations: Tensor) -> Tensor:
        """Observation histories (B, T_obs, O) as the network sees them, (B, T_obs · O)."""
        return self.observation(observations).flatten(1)

    def encode(self, values: Tensor, pictures: Tensor | None = None) -> Tensor:
        """Features of normalised histories (B, T_obs · O) and of pictures, prepared (B, T_obs, cameras, h, w, 3)."""
        if not hasattr(self, "pictures"):
            return self.network.encode(values)
        if pictures is None:
            raise ValueError("pictures: expected those of the cameras, found none")
        parts = [values.unflatten(1, (self.history, -1))]
        encoders = self.network.vision
        for camera in range(pictures.shape[2]):
            seen = pictures[:, :, camera].flatten(0, 1).permute(0, 3, 1, 2)
            features = encoders[min(camera, len(encoders) - 1)](seen)
            parts.append(features.unflatten(0, (-1, self.history)))
        return self.network.encode(torch.cat(parts, 2).flatten(1))

    def base(self, values: Tensor) -> Tensor:
        """The linear prediction (B, T_pred, A) of a chunk from a normalised history."""
        flat = values @ self.residual_weights[:, :-1].T + self.residual_weights[:, -1]
        return flat.unflatten(1, (self.steps, self.action_size))

    def forward(self, observations: Tensor, latents: Tensor, pictures: Tensor | None = None) -> Tensor:
        """Chunks (B, n, T_pred, A) in task units.

        `observations` (B, T_obs, O) in task units, oldest first; `latents` (B, n, Z); `pictures` (B, T_obs, cameras, H,
        W, 3), bytes, of a policy that sees pictures.
        """
        self._check("observations", observations, 3, (self.history, self.observation_size))
        self._check("latents", latents, 3, (self.latent_size,))
        values = self.normalized(observations)
        prepared = self.pictures(pictures) if pictures is not None else None
        chunks = self.generate(self.encode(values, prepared), latents)[:, :, self.lead :]
        if self.residual:
            scale = self.residual_scale.view(self.steps, self.action_size)
            chunks = self.base(values).unsqueeze(1) + scale * chunks
        return self.action.inverse(chunks)

    @staticmethod
    def _check(name: str, found: Tensor, dimensions: int, last: tuple[int, ...]) -> None:
        shape = tuple(found.shape)
        if len(shape) != dimensions or shape[dimensions - len(last) :] != last:
            expected = ", ".join(["B", "n"][: dimensions - len(last)] + [str(size) for size in last])
            raise ValueError(f"{name}: expected ({expected}), found {tuple(shape)}")

    def sample(
        self,
        observations: Tensor,
        n: int = 32,
        generator: torch.Generator | None = None,
        seed: int | None = None,
        episode: int | list[int] = 0,
        step: int = 0,
        pictures: Tensor | None = None,
    ) -> Tensor:
        """`n` chunks for each of B observation histories, (B, n, T_pred, A), without gradient.

        With a `seed` the latents are those of `planner run --seed` at decision number `step` of an episode: row i is of
        episode `episode` + i, or of `episode[i]`.
        """
        rows = len(observations)
        if seed is not None:
            episodes = range(episode, episode + rows) if isinstance(episode, int) else episode
            z = np.stack([stream_latents(n, self.latent_size, seed, e, step) for e in episodes])
            z = torch.from_numpy(z).to(observations.device)
        else:
            z = torch.randn(rows, n, self.latent_size, generator=generator, device=observations.device)
        with torch.no_grad():
            return self(observations, z * self.sampling.get("temperature", 1.0), pictures)

    def generate(self, features: Tensor, z: Tensor) -> Tensor:
        """Normalised chunks (B, n, T, A) from features and latents (B, n, Z), by the method's passes."""
        network, passes = self.network, self.passes
        if self.method == "regression":
            z = torch.zeros_like(z)
        if TIMES[self.method] == 0:
            return network.generate(z, network.condition(features))
        if self.method == "diffusion":
            return self._denoise(features, z)
        for i in range(passes):
            if self.method == "flow":
                times, stride = [i / passes], 1.0 / passes
            else:
                # Mean flow, from noise at t = 1 to data at 0: t, and t − r.
                times, stride = [1.0 - i / passes, 1.0 / passes], -1.0 / passes
            z = z + stride * self._pass(features, z, [TIME_SCALE * t for t in times])
        return z.unflatten(2, (-1, self.action_size))

    def _pass(self, features: Tensor, x: Tensor, times: list[float]) -> Tensor:
        """What the network makes of `x` (B, n, Z), every row at the same times; shaped like `x`."""
        rows = torch.tensor([times], device=x.device).expand(features.shape[0], -1)
        return self.network.generate(x, self.network.condition(features, rows)).flatten(2)

    def _denoise(self, features: Tensor, z: Tensor) -> Tensor:
        """DDPM (arXiv 2006.11239) or DDIM with η = 0 (arXiv 2010.02502)."""
        schedule = self._schedule
        alphas, steps = signals(schedule), visited(schedule["steps"], self.passes)
        draws = z.chunk(self.draws, 2)
        x = draws[0]
        for i, step in enumerate(steps):
            found = self._pass(features, x, [float(step)])
            now, then = alphas[step], alphas[steps[i + 1]] if i + 1 < len(steps) else np.float32(1.0)
            keep, spoil = float(np.sqrt(now)), float(np.sqrt(1 - now))
            if schedule["prediction"] == "epsilon":
                clean, noise = (x - spoil * found) / keep, found
            else:
                clean, noise = found, (x - keep * found) / spoil
            if schedule["clip"] > 0.0:
                clean = clean.clamp(-schedule["clip"], schedule["clip"])
            if len(draws) > 1:
                alpha, left = now / then, 1 - now
                beta = 1 - alpha
                x = float(np.sqrt(then) * beta / left) * clean + float(np.sqrt(alpha) * (1 - then) / left) * x
                small = max(float((1 - then) / left * beta), 1e-20)
                variance = small if schedule["variance"] == "fixed_small" else float(beta)
                if i + 1 < len(draws):
                    x = x + math.sqrt(variance) * draws[i + 1]
            else:
                x = float(np.sqrt(then)) * clean + float(np.sqrt(1 - then)) * noise
        return x.unflatten(2, (-1, self.action_size))

    def rs_imle_loss(
        self, batch: dict, generator: torch.Generator | None = None, samples: int = 10, epsilon: float | Tensor = 0.005
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss of an RS-IMLE step with gradient, and figures for a log.

        `batch` has `observations` (B, T_obs, O) and `actions` (B, T_pred, A) or (B, K, T_pred, A), in task units, and
        may have `mask` (B, K), bool, of the targets that count; `latents` (B, m, Z), else drawn with `generator`;
        `pictures`, prepared as `encode` takes them. `samples` is m, `epsilon` the rejection distance per element in
        normalised units, one or (B). Where nothing is left to learn from, or a candidate is not finite, the loss is 0
        and so is its gradient.
        """
        if self.method != "imle" or self.lead:
            raise ValueError(f"method: expected imle without a lead, found {self.method} with {self.lead}")
        targets = batch["actions"]
        targets = targets.unsqueeze(1) if targets.dim() == 3 else targets
        self._check("observations", batch["observations"], 3, (self.history, self.observation_size))
        self._check("actions", targets, 4, (self.steps, self.action_size))
        values = self.normalized(batch["observations"])
        targets = self.action(targets)
        if self.residual:
            scale = self.residual_scale.view(self.steps, self.action_size)
            targets = (targets - self.base(values).unsqueeze(1)) / scale
        targets = targets.flatten(2)
        rows, count = targets.shape[:2]
        mask = batch.get("mask")
        mask = torch.ones(rows, count, dtype=torch.bool, device=targets.device) if mask is None else mask
        z = batch.get("latents")
        if z is None:
            z = torch.randn(rows, samples, self.latent_size, generator=generator, device=targets.device)
        conditioning = self.network.condition(self.encode(values, batch.get("pictures")))
        with torch.no_grad():
            cut_off = [(scale.detach(), shift.detach()) for scale, shift in conditioning]
            distances = rs_imle.distances(self.network.generate(z, cut_off).flatten(2), targets)
        chosen, kept, figures = rs_imle.select(distances, mask, epsilon)
        if not distances.isfinite().all() or not kept.any():
            return 0.0 * sum(p.sum() for p in self.network.parameters()), figures
        z = z.gather(1, chosen.unsqueeze(2).expand(-1, -1, z.shape[2]))
        return rs_imle.loss(self.network.generate(z, conditioning).flatten(2), targets, kept), figures


class Pictures(nn.Module):
    """Bytes (B, T_obs, cameras, H, W, 3) to what encoders see: cut out in the middle and normalised."""

    def __init__(self, config: dict, layout: dict):
        super().__init__()
        crop = config["crop"] if isinstance(config["crop"], list) else [config["crop"]] * 2
        sides = (layout["height"], layout["width"])
        self.size, self.jitter = sides, config["colour_jitter"]
        self.kept = [min(max(math.floor(side * share + 0.5), 1), side) for side, share in zip(sides, crop)]
        for name in ("mean", "std"):
            colours = torch.tensor(config[name], dtype=torch.float32).view(-1, 1, 1, 3)
            self.register_buffer(name, colours, persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        top, left = (round((side - kept) / 2) for side, kept in zip(self.size, self.kept))
        cut = pictures[..., top : top + self.kept[0], left : left + self.kept[1], :]
        return (cut.to(torch.float32) / 255.0 - self.mean) / self.std

    def augmented(self, pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """As in training: every camera of every state is cut out anywhere and recoloured, all T_obs alike."""
        rows, steps, cameras = pictures.shape[:3]
        draw = lambda *size: torch.rand(*size, generator=generator)
        out = torch.empty(rows, steps, cameras, *self.kept, 3, device=pictures.device)
        spare = torch.tensor([side - kept + 1 for side, kept in zip(self.size, self.kept)])
        corners = (draw(rows, cameras, 2) * spare).long().tolist()
        for b in range(rows):
            for c in range(cameras):
                top, left = corners[b][c]
                out[b, :, c] = pictures[b, :, c, top : top + self.kept[0], left : left + self.kept[1]] / 255.0
        if self.jitter:
            # Brightness, contrast and saturation, as torchvision's ColorJitter.
            factors = 1.0 + self.jitter * (2.0 * draw(3, rows, 1, cameras, 1, 1, 1).to(out.device) - 1.0)
            grey = lambda x: (x * torch.tensor(GREY, device=x.device)).sum(-1, keepdim=True)
            out = (out * factors[0]).clamp(0.0, 1.0)
            out = grey(out).mean((3, 4), keepdim=True).lerp(out, factors[1]).clamp(0.0, 1.0)
            out = grey(out).expand_as(out).lerp(out, factors[2]).clamp(0.0, 1.0)
        return (out - self.mean) / self.std


NETWORK_DEFAULTS = {
    "kind": "mlp",
    "latent": 0,
    "width": 256,
    "blocks": 4,
    "heads": 4,
    "down_dims": [256, 512, 1024],
    "kernel_size": 5,
    "n_groups": 8,
    "time_embedding": 256,
    "film_scale": True,
}
VISION_DEFAULTS = {
    "width": 16,
    "keypoints": 32,
    "features": 64,
    "shared": False,
    "crop": 0.875,
    "colour_jitter": 0.2,
    "mean": [0.5] * 3,
    "std": [0.5] * 3,
}
SCHEDULE_DEFAULTS = {
    "steps": 100,
    "betas": "squaredcos_cap_v2",
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "prediction": "epsilon",
    "clip": 1.0,
    "variance": "fixed_small",
}
