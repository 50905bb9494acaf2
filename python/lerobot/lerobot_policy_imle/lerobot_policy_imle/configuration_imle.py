"""Settings of the policy type `imle`: those of `planner train`, under LeRobot's names where it has one."""

from dataclasses import dataclass, field

from imle_planner import torch_training
from lerobot.configs import NormalizationMode, PreTrainedConfig
from lerobot.optim import AdamWConfig, LRSchedulerConfig
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


@LRSchedulerConfig.register_subclass("imle")
@dataclass
class ImleSchedulerConfig(LRSchedulerConfig):
    """A linear rise over `num_warmup_steps`, then a cosine down to 0 at the last step."""

    num_warmup_steps: int = torch_training.WARMUP

    def build(self, optimizer: Optimizer, num_training_steps: int) -> LambdaLR:
        return LambdaLR(optimizer, lambda step: torch_training.rate(step, num_training_steps, self.num_warmup_steps))


@PreTrainedConfig.register_subclass("imle")
@dataclass
class ImleConfig(PreTrainedConfig):
    """A generator of action chunks, trained with RS-IMLE (arXiv 2502.12371).

    A pretrained folder has the checkpoint in `imle/`: then what shapes the generator is read from there, and of the
    settings below only those of training and acting count.
    """

    # T_obs, T_pred, T_act.
    n_obs_steps: int = 2
    horizon: int = 16
    n_action_steps: int = 8
    normalization_mapping: dict[str, NormalizationMode] = field(
        default_factory=lambda: dict.fromkeys(("STATE", "VISUAL", "ENV", "ACTION"), NormalizationMode.IDENTITY)
    )

    # The method of the checkpoint; only `imle` can be trained here.
    method: str = "imle"
    # The task that the checkpoint is for; none for that of the dataset.
    task: str | None = None
    # The network: `mlp`, `transformer` or `unet`, and its sizes.
    network: str = "mlp"
    latent: int = 0
    width: int = 256
    blocks: int = 4
    heads: int = 4
    down_dims: tuple[int, ...] = (256, 512, 1024)
    kernel_size: int = 5
    n_groups: int = 8
    film_scale: bool = True
    # Encoders of pictures.
    picture_width: int = 16
    keypoints: int = 32
    picture_features: int = 64
    shared_encoder: bool = False
    crop: float = 0.875
    colour_jitter: float = 0.2

    # Latents a state (m), and the rejection distance per element in normalised units.
    samples: int = 10
    epsilon: float = 0.005
    # The highest learning rate; 0 for the network's own.
    optimizer_lr: float = 0.0
    optimizer_weight_decay: float = torch_training.WEIGHT_DECAY
    grad_clip_norm: float = torch_training.GRAD_CLIP
    scheduler_warmup_steps: int = torch_training.WARMUP
    ema_power: float = torch_training.EMA_POWER
    ema_max: float = torch_training.EMA_MAX

    # Seed of the latents that it acts with, those of `planner run --seed`.
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        most = self.horizon
        for name, value, limit in (
            ("n_obs_steps", self.n_obs_steps, 1 << 16),
            ("horizon", self.horizon, 1 << 16),
            ("n_action_steps", self.n_action_steps, most),
            ("samples", self.samples, 1 << 20),
        ):
            if not 1 <= value <= limit:
                raise ValueError(f"policy.{name}: expected 1 to {limit}, found {value}")
        if not (self.epsilon >= 0.0 and self.optimizer_lr >= 0.0):
            raise ValueError(
                f"policy: expected epsilon, optimizer_lr at least 0, found {self.epsilon}, {self.optimizer_lr}"
            )

    @property
    def observation_delta_indices(self) -> list[int]:
        return list(range(1 - self.n_obs_steps, 1))

    @property
    def action_delta_indices(self) -> list[int]:
        return list(range(self.horizon))

    @property
    def reward_delta_indices(self) -> None:
        return None

    def get_optimizer_preset(self) -> AdamWConfig:
        rate = self.optimizer_lr or torch_training.peak_learning_rate(self.network, bool(self.image_features))
        return AdamWConfig(
            lr=rate,
            betas=(0.9, 0.999),
            eps=1e-8,
            weight_decay=self.optimizer_weight_decay,
            grad_clip_norm=self.grad_clip_norm,
        )

    def get_scheduler_preset(self) -> ImleSchedulerConfig:
        return ImleSchedulerConfig(num_warmup_steps=self.scheduler_warmup_steps)

    def validate_features(self) -> None:
        """`observation.state` and `action`, maybe `observation.environment_state`, and pictures of one size."""
        for what, feature in (("observation.state", self.robot_state_feature), ("action", self.action_feature)):
            if feature is None or len(feature.shape) != 1:
                raise ValueError(f"policy features: expected a vector {what}, found {feature and feature.shape}")
        sizes = {tuple(feature.shape) for feature in self.image_features.values()}
        if len(sizes) > 1:
            raise ValueError(f"policy features: expected pictures of one size, found {sorted(sizes)}")
