"""The policy type `imle`: the generator of a checkpoint, trained by RS-IMLE and acting in closed loop.

The observation of a step is `observation.state` and, behind it, `observation.environment_state` if there is one.
Pictures are `observation.images.NAME`, in the order of `input_features`.
"""

import json
import logging
from collections import deque
from pathlib import Path

import numpy as np
import torch
from imle_planner import torch_training
from imle_planner.checkpoint_folder import CHECKSUM, read_config
from imle_planner.torch_policy import TorchPolicy
from lerobot.policies.pretrained import PreTrainedPolicy
from lerobot.utils.constants import ACTION, OBS_STATE
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from .configuration_imle import ImleConfig

FOLDER = "imle"
# The weights that are trained, beside their average in the checkpoint; only where a training may go on.
ONLINE = "online_weights.safetensors"


class ImlePolicy(PreTrainedPolicy):
    """A policy over a checkpoint: `average` is what acts and is saved, `online` what is trained."""

    config_class = ImleConfig
    name = "imle"

    def __init__(
        self,
        config: ImleConfig,
        dataset_stats: dict | None = None,
        dataset_meta=None,
        average: TorchPolicy | None = None,
        **_,
    ):
        super().__init__(config)
        config.validate_features()
        if average is None:
            if dataset_stats is None:
                raise ValueError(
                    "policy.path: expected a folder with a checkpoint, or a dataset to train on, found none"
                )
            average = TorchPolicy(fresh_config(config, dataset_stats, dataset_meta))
        self.average = average.requires_grad_(False)
        self.online = TorchPolicy(average.config)
        self.online.load_state_dict(average.state_dict())
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.folder: Path | None = None
        self._native = None
        self._first = self._rows = 0
        self.reset()

    # Folders

    @classmethod
    def from_pretrained(
        cls, pretrained_name_or_path, *, config: ImleConfig | None = None, revision: str | None = None, **kwargs
    ) -> "ImlePolicy":
        """From a folder with a checkpoint in `imle/`, or a repository of LeRobot's hub with such a one."""
        folder = Path(pretrained_name_or_path)
        if not folder.is_dir():
            from huggingface_hub import snapshot_download

            folder = Path(snapshot_download(str(pretrained_name_or_path), revision=revision))
        if config is None:
            config = ImleConfig.from_pretrained(folder)
        average = TorchPolicy.load(folder / FOLDER)
        check(config, average, folder)
        policy = cls(config, average=average)
        if (folder / ONLINE).exists():
            with safe_open(folder / ONLINE, framework="pt") as file:
                # Those of another average belong to a training before it.
                if file.metadata().get("average_crc32") == average_checksum(folder):
                    weights = {name: file.get_tensor(name) for name in file.keys()}
                    policy.updates.copy_(weights.pop("updates"))
                    policy.online.network.load_state_dict(weights)
        policy.folder = folder / FOLDER
        return policy.to(config.device).eval()

    def _save_pretrained(self, save_directory: Path, state_dict: dict[str, Tensor] | None = None) -> None:
        self.config._save_pretrained(save_directory)
        if state_dict is not None:
            self.load_state_dict(state_dict)
        self.average.config["provenance"]["steps"] = int(self.updates)
        self.average.save(save_directory / FOLDER)
        if self.updates:
            weights = {name: p.detach().cpu().contiguous() for name, p in self.online.network.named_parameters()}
            weights["updates"] = self.updates.cpu()
            save_file(weights, save_directory / ONLINE, {"average_crc32": average_checksum(save_directory)})

    # Training

    def get_optim_params(self):
        return self.online.network.parameters()

    def forward(self, batch: dict[str, Tensor], reduction: str = "mean") -> tuple[Tensor, dict[str, float]]:
        """The RS-IMLE loss of a batch, and figures for the log."""
        if reduction != "mean":
            raise ValueError("sample_weighting: expected none, which RS-IMLE has no place for, found one")
        values, pictures = self._observation(batch)
        inputs = {"observations": values, "actions": batch[ACTION]}
        if pictures is not None:
            prepare = self.online.pictures.augmented if self.training else self.online.pictures
            inputs["pictures"] = prepare(pictures)
        return self.online.rs_imle_loss(inputs, samples=self.config.samples, epsilon=self.config.epsilon)

    def update(self) -> None:
        """Moves the average, after every step of the optimizer."""
        self.updates += 1
        self.folder = self._native = None
        decay = torch_training.average_decay(int(self.updates), self.config.ema_power, self.config.ema_max)
        torch_training.move_average(self.average.network, self.online.network, decay)

    # Acting

    def reset(self) -> None:
        """Begins the next episodes: their numbers, which key the latents, go on behind those of the last ones."""
        self._first += self._rows
        self._rows = self._decision = 0
        self._past = deque(maxlen=self.average.history)
        self._actions = deque()

    def _observation(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor | None]:
        """Observations (B, T, O), and pictures (B, T, cameras, H, W, 3) as bytes; without a time axis T is 1."""
        names = [OBS_STATE] + [n for n, f in self.config.input_features.items() if f.type.name == "ENV"]
        parts = [batch[name] if batch[name].dim() == 3 else batch[name].unsqueeze(1) for name in names]
        cameras = [batch[name] for name in self.config.image_features]
        if not cameras:
            return torch.cat(parts, 2).float(), None
        cameras = [c if c.dim() == 5 else c.unsqueeze(1) for c in cameras]
        seen = torch.stack(cameras, 2).permute(0, 1, 2, 4, 5, 3)
        return torch.cat(parts, 2).float(), (seen * 255.0).round().clamp(0, 255).to(torch.uint8)

    def _draw(self, values: Tensor, pictures: Tensor | None) -> Tensor:
        """A chunk (B, T_pred, A) for each history, with the latents of its episode and decision."""
        key = {"seed": self.config.seed, "episode": self._first, "step": self._decision}
        native = self._program()
        if native is None:
            return self.average.sample(values, 1, pictures=pictures, **key)[:, 0]
        seen = {} if pictures is None else {"pictures": np.ascontiguousarray(pictures.numpy())}
        chunks = native.sample(np.ascontiguousarray(values.numpy()), n=1, **key, **seen)
        return torch.from_numpy(np.array(chunks))[:, 0]

    def _program(self):
        """The checkpoint in the program's own library, if that is there and acts with these weights."""
        if self._native is None and self.folder is not None and self.config.device == "cpu":
            try:
                from imle_planner import Policy
            except ImportError as error:
                logging.info("imle: acting with PyTorch, as the native module is not there: %s", error)
                self.folder = None
            else:
                self._native = Policy.load(str(self.folder), device="cpu")
        return self._native

    @torch.no_grad()
    def predict_action_chunk(self, batch: dict[str, Tensor], **_) -> Tensor:
        """A chunk (B, T_pred, A) from histories in `batch`, or from the last observations if it has no time axis."""
        values, pictures = self._observation(batch)
        missing = self.average.history - values.shape[1]
        if missing > 0:
            past = list(self._past) or [(values, pictures)]
            past = [past[0]] * (self.average.history - len(past)) + past
            values = torch.cat([v for v, _ in past], 1)
            pictures = None if pictures is None else torch.cat([p for _, p in past], 1)
        return self._draw(values[:, -self.average.history :], pictures)

    @torch.no_grad()
    def select_action(self, batch: dict[str, Tensor], **_) -> Tensor:
        """The next action (B, A): a chunk is drawn every `n_action_steps`."""
        self._past.append(self._observation(batch))
        self._rows = len(batch[OBS_STATE])
        if not self._actions:
            chunk = self.predict_action_chunk(batch)
            self._decision += 1
            self._actions.extend(chunk[:, : self.config.n_action_steps].unbind(1))
        return self._actions.popleft()


def average_checksum(folder: Path) -> str:
    """Checksum of the weights of the checkpoint in a policy's folder."""
    return read_config(folder / FOLDER).get(CHECKSUM, "")


def check(config: ImleConfig, policy: TorchPolicy, folder: Path) -> None:
    """Whether LeRobot's features are those of the checkpoint."""
    state = sum(f.shape[0] for f in config.input_features.values() if f.type.name != "VISUAL")
    action = config.action_feature.shape[0] if config.action_feature else 0
    pictures = policy.config["spec"].get("pictures")
    found = (state, action, len(config.image_features))
    wanted = (policy.observation_size, policy.action_size, len(pictures["cameras"]) if pictures else 0)
    if found != wanted:
        raise ValueError(f"{folder}: expected (observation, action, cameras) of {wanted}, found {found}")
    config.n_obs_steps, config.horizon = policy.history, policy.steps


def fresh_config(config: ImleConfig, stats: dict, meta) -> dict:
    """Configuration of a checkpoint to train on a dataset."""
    if config.method != "imle":
        raise ValueError(f"policy.method: expected imle, the only one that is trained here, found {config.method}")
    names = [OBS_STATE] + [n for n, f in config.input_features.items() if f.type.name == "ENV"]
    bounds = lambda names, key: [float(x) for n in names for x in np.asarray(stats[n][key]).reshape(-1)]
    spec = dataset_spec(config, names, meta)
    vision = None
    if config.image_features:
        name, feature = next(iter(config.image_features.items()))
        cameras = [n.removeprefix("observation.images.") for n in config.image_features]
        spec["pictures"] = {"cameras": cameras, "height": feature.shape[1], "width": feature.shape[2]}
        vision = {"kind": "resnet18", "width": config.picture_width, "keypoints": config.keypoints}
        vision |= {"features": config.picture_features, "shared": config.shared_encoder, "crop": config.crop}
        vision |= {"colour_jitter": config.colour_jitter, "mean": [0.5] * 3, "std": [0.5] * 3, "precision": "f32"}
    fields = ("latent", "width", "blocks", "heads", "kernel_size", "n_groups", "film_scale")
    network = {"kind": config.network, "down_dims": list(config.down_dims), "time_embedding": 256}
    return {
        "format": 1,
        "version": "0.1.0",
        "method": "imle",
        "spec": spec,
        "horizons": {
            "observation": config.n_obs_steps,
            "prediction": config.horizon,
            "action": config.n_action_steps,
        },
        "network": network | {name: getattr(config, name) for name in fields},
        "normalizers": {
            "observation": {"min": bounds(names, "min"), "max": bounds(names, "max")},
            "action": {"min": bounds([ACTION], "min"), "max": bounds([ACTION], "max")},
        },
        **({"vision": vision} if vision else {}),
        "provenance": {"data": f"{getattr(meta, 'repo_id', 'dataset')} (LeRobot)", "steps": 0, "seed": 0},
    }


def dataset_spec(config: ImleConfig, names: list[str], meta) -> dict:
    """The spec of a dataset: its own if `planner demo` or `convert` wrote it, else a term a value that has a name."""
    info = {}
    if meta is not None:
        info = json.loads((Path(meta.root) / "meta" / "info.json").read_text("utf-8"))
    sizes = {name: config.input_features[name].shape[0] for name in names} | {ACTION: config.action_feature.shape[0]}
    spec = info.get("planner", {}).get("spec")
    total = lambda layout: sum(term["size"] for term in layout["terms"])
    if spec and total(spec["observation"]) == sum(sizes[n] for n in names) and total(spec["action"]) == sizes[ACTION]:
        spec = dict(spec)
    else:
        spec = {"task": "lerobot", "control_rate": float(info.get("fps", 30))}
        layout = lambda name: terms(name, sizes[name], info.get("features", {}).get(name, {}).get("names"))
        spec["observation"] = {"terms": [term for name in names for term in layout(name)]}
        spec["action"] = {"terms": layout(ACTION)}
    spec.pop("pictures", None)
    if config.task:
        spec["task"] = config.task
    config.task = spec["task"]
    return spec


def terms(feature: str, size: int, names) -> list[dict]:
    """A term for each named value of a feature, or one for all."""
    if isinstance(names, list) and len(names) == size and len(set(names)) == size:
        return [{"name": str(name), "size": 1} for name in names]
    return [{"name": feature.rpartition(".")[2], "size": size}]
