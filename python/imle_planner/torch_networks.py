"""The networks of a checkpoint in PyTorch, with the checkpoint's own names of parameters.

Each has `encode` (B, O') → features, `condition` (features, times) → the (scale, shift) of every block, and `generate`
(z (B, n, Z), conditioning) → chunks (B, n, T, A), all in normalised units. What they compute is described in
`policy/src/network/` and `policy/src/vision/` of the sources.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SINUSOIDS = 64
LAST_GROUPS = 8

Conditioning = list[tuple[Tensor, Tensor]]


def sinusoidal(times: Tensor, size: int) -> Tensor:
    """Sines and cosines (B, k · size) of times (B, k), in `size` / 2 frequencies from 1 down to 1/10000."""
    half = size // 2
    step = -math.log(10_000.0) / max(half - 1, 1)
    frequencies = (torch.arange(half, dtype=torch.float32, device=times.device) * step).exp()
    angles = times.unsqueeze(2) * frequencies
    return torch.cat([angles.sin(), angles.cos()], 2).flatten(1)


def film(x: Tensor, pair: tuple[Tensor, Tensor]) -> Tensor:
    """scale ⊙ x + shift for `x` (B, …, W) under B rows of (scale, shift)."""
    shape = [-1] + [1] * (x.dim() - 2) + [x.shape[-1]]
    return torch.addcmul(pair[1].view(shape), x, pair[0].view(shape))


def layer_norm(h: Tensor) -> Tensor:
    """`h` (…, W), its last dimension normalised without learned parameters."""
    return F.layer_norm(h, h.shape[-1:])


class Network(nn.Module):
    """What all networks share: sizes, and the map from latents to chunks."""

    def __init__(self, config: dict, shape: dict):
        super().__init__()
        self.steps, self.action, self.times = shape["prediction"], shape["action"], shape["times"]
        self.chunk = self.steps * self.action
        self.latent_size = config["latent"] or self.chunk

    def as_chunks(self, z: Tensor) -> Tensor:
        """Latents (B, n, Z) as (B, n, T, A)."""
        z = self.latent(z) if hasattr(self, "latent") else z
        return z.unflatten(2, (self.steps, self.action))


class FilmNetwork(Network):
    """Encoder of the observation and of times, and FiLM (Perez et al. 2018) from them: of `mlp` and `transformer`."""

    def add_film(self, config: dict, shape: dict, pairs: int) -> None:
        self.width, self.pairs = config["width"], pairs
        features = -(-self.width // 2)
        sizes = [shape["observation"], self.width, features]
        self.encoder = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        if self.times:
            sizes = [self.times * SINUSOIDS, features, features]
            self.time = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.film = nn.Linear(features, pairs * 2 * self.width)

    def encode(self, values: Tensor) -> Tensor:
        return self.encoder[1](F.silu(self.encoder[0](values)))

    def condition(self, features: Tensor, times: Tensor | None = None) -> Conditioning:
        if times is not None:
            features = features + self.time[1](F.silu(self.time[0](sinusoidal(times, SINUSOIDS))))
        rows = self.film(F.silu(features)).view(-1, self.pairs, 2, self.width)
        return [(rows[:, i, 0] + 1.0, rows[:, i, 1]) for i in range(self.pairs)]


class Mlp(FilmNetwork):
    """A residual MLP over the whole flattened chunk."""

    def __init__(self, config: dict, shape: dict):
        super().__init__(config, shape)
        width = config["width"]
        self.add_film(config, shape, config["blocks"] + 1)
        self.input = nn.Linear(self.latent_size, width)
        self.blocks = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(config["blocks"]))
        self.output = nn.Linear(width, self.chunk)

    def generate(self, z: Tensor, conditioning: Conditioning) -> Tensor:
        h = film(self.input(z), conditioning[0])
        for block, pair in zip(self.blocks, conditioning[1:]):
            h = h + block(F.silu(film(layer_norm(h), pair)))
        return self.output(layer_norm(h)).unflatten(2, (self.steps, self.action))


class TransformerBlock(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.project, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, h: Tensor, first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> Tensor:
        # Rows and candidates in one dimension: ONNX knows attention with four.
        parts = self.project(film(layer_norm(h), first)).flatten(0, 1).unflatten(2, (3, self.heads, -1))
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        h = h + self.join(seen).view_as(h)
        return h + self.narrow(F.silu(self.widen(film(layer_norm(h), second))))


class Transformer(FilmNetwork):
    """A small transformer over the steps of a chunk (Peebles, Xie 2023)."""

    def __init__(self, config: dict, shape: dict):
        super().__init__(config, shape)
        width = config["width"]
        if config["latent"]:
            self.latent = nn.Linear(config["latent"], self.chunk)
        self.add_film(config, shape, 2 * config["blocks"])
        self.input = nn.Linear(self.action, width)
        self.position = nn.Parameter(torch.empty(self.steps, width).uniform_(-0.1, 0.1))
        self.blocks = nn.ModuleList(TransformerBlock(width, config["heads"]) for _ in range(config["blocks"]))
        self.output = nn.Linear(width, self.action)

    def generate(self, z: Tensor, conditioning: Conditioning) -> Tensor:
        h = self.input(self.as_chunks(z)) + self.position
        for i, block in enumerate(self.blocks):
            h = block(h, conditioning[2 * i], conditioning[2 * i + 1])
        return self.output(layer_norm(h))


class ConvBlock(nn.Module):
    """Conv → GroupNorm → Mish."""

    def __init__(self, inputs: int, outputs: int, kernel: int, groups: int):
        super().__init__()
        conv = nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2)
        self.block = nn.Sequential(conv, nn.GroupNorm(groups, outputs), nn.Mish())

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


class ResidualBlock(nn.Module):
    """Two convolution blocks with FiLM between them and a residual around them."""

    def __init__(self, inputs: int, outputs: int, config: dict, condition: int):
        super().__init__()
        form = (config["kernel_size"], config["n_groups"])
        self.blocks = nn.ModuleList([ConvBlock(inputs, outputs, *form), ConvBlock(outputs, outputs, *form)])
        self.scaled = config["film_scale"]
        # Mish stands where the public network has it, so that the linear layer is number 1.
        self.cond_encoder = nn.Sequential(nn.Mish(), nn.Linear(condition, (2 if self.scaled else 1) * outputs))
        self.residual_conv = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def condition(self, features: Tensor) -> tuple[Tensor, Tensor]:
        values = self.cond_encoder(features)
        if not self.scaled:
            return torch.ones_like(values), values
        scale, shift = values.chunk(2, 1)
        return scale, shift

    def forward(self, x: Tensor, pair: tuple[Tensor, Tensor], n: int) -> Tensor:
        """`x` (B · n, C, T) under B rows of (scale, shift)."""
        out = self.blocks[0](x).unflatten(0, (-1, n))
        out = torch.addcmul(pair[1][:, None, :, None], out, pair[0][:, None, :, None])
        return self.blocks[1](out.flatten(0, 1)) + self.residual_conv(x)


class Conv(nn.Module):
    """A layer called `conv`, as the public network has its resampling."""

    def __init__(self, conv: nn.Module):
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Unet(Network):
    """Diffusion Policy's conditional 1D U-Net over time (arXiv 2303.04137), with the names of `ConditionalUnet1D`."""

    def __init__(self, config: dict, shape: dict):
        super().__init__(config, shape)
        if config["latent"]:
            self.latent = nn.Linear(config["latent"], self.chunk)
        self.size = size = config["time_embedding"]
        condition = shape["observation"]
        if self.times:
            layers = [nn.Linear(self.times * size, 4 * size), nn.Mish(), nn.Linear(4 * size, size)]
            self.diffusion_step_encoder = nn.Sequential(nn.Identity(), *layers)
            condition += size
        dims = config["down_dims"]
        top = len(dims) - 1

        def pair(inputs: int, outputs: int) -> list[nn.Module]:
            return [ResidualBlock(a, outputs, config, condition) for a in (inputs, outputs)]

        self.down_modules = nn.ModuleList()
        for i, (inputs, dim) in enumerate(zip([self.action, *dims], dims)):
            down = [Conv(nn.Conv1d(dim, dim, 3, 2, 1))] if i < top else []
            self.down_modules.append(nn.ModuleList(pair(inputs, dim) + down))
        self.mid_modules = nn.ModuleList(pair(dims[top], dims[top]))
        self.up_modules = nn.ModuleList()
        for inputs, outputs in zip(dims[:0:-1], dims[top - 1 :: -1] if top else []):
            up = [Conv(nn.ConvTranspose1d(outputs, outputs, 4, 2, 1))]
            self.up_modules.append(nn.ModuleList(pair(2 * inputs, outputs) + up))
        last = ConvBlock(dims[0], dims[0], config["kernel_size"], LAST_GROUPS)
        self.final_conv = nn.Sequential(last, nn.Conv1d(dims[0], self.action, 1))

    def residual_blocks(self) -> list[ResidualBlock]:
        levels = [*self.down_modules, self.mid_modules, *self.up_modules]
        return [block for level in levels for block in level[:2]]

    def encode(self, values: Tensor) -> Tensor:
        return values

    def condition(self, features: Tensor, times: Tensor | None = None) -> Conditioning:
        if times is not None:
            embedded = self.diffusion_step_encoder(sinusoidal(times, self.size))
            features = torch.cat([embedded, features], 1)
        return [block.condition(features) for block in self.residual_blocks()]

    def generate(self, z: Tensor, conditioning: Conditioning) -> Tensor:
        n = z.shape[1]
        x = self.as_chunks(z).flatten(0, 1).transpose(1, 2)
        pairs = iter(conditioning)
        skips = []
        for level in self.down_modules:
            x = level[1](level[0](x, next(pairs), n), next(pairs), n)
            skips.append(x)
            x = level[2](x) if len(level) > 2 else x
        for block in self.mid_modules:
            x = block(x, next(pairs), n)
        for level in self.up_modules:
            x = torch.cat([x, skips.pop()], 1)
            x = level[2](level[1](level[0](x, next(pairs), n), next(pairs), n))
        return self.final_conv(x).transpose(1, 2).unflatten(0, (-1, n))


class ResNetBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), group_norm(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), group_norm(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, group_norm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        h = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(h + (x if self.downsample is None else self.downsample(x)))


def group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(channels // 16, 1), channels)


class Keypoints(nn.Module):
    """Spatial softmax (Finn et al. 2016): the mean place of each learned feature, −1 to 1, x first."""

    def __init__(self, channels: int, count: int):
        super().__init__()
        self.nets = nn.Conv2d(channels, count, 1)

    def forward(self, maps: Tensor) -> Tensor:
        along = [torch.linspace(-1.0, 1.0, n, device=maps.device) for n in maps.shape[2:]]
        y, x = torch.meshgrid(*along, indexing="ij")
        attention = self.nets(maps).flatten(2).softmax(2)
        return (attention @ torch.stack([x, y], 2).flatten(0, 1)).flatten(1)


class Encoder(nn.Module):
    """ResNet18 with group normalisation (He et al. 2016), pooling, and a linear layer: (R, 3, h, w) to (R, F)."""

    def __init__(self, config: dict):
        super().__init__()
        width = config["width"]
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), group_norm(width)
        for level in range(4):
            outputs = width << level
            inputs, stride = (outputs // 2, 2) if level else (outputs, 1)
            blocks = [ResNetBlock(inputs, outputs, stride), ResNetBlock(outputs, outputs, 1)]
            self.add_module(f"layer{level + 1}", nn.Sequential(*blocks))
        channels, keypoints = width << 3, config["keypoints"]
        self.pool = Keypoints(channels, keypoints) if keypoints else None
        pooled = 2 * keypoints if keypoints else channels
        self.out = nn.Linear(pooled, config["features"]) if config["features"] else None
        self.features = config["features"] or pooled
        for conv in (m for m in self.modules() if isinstance(m, nn.Conv2d) and m.bias is None):
            # He's variance by fan out, uniform.
            bound = math.sqrt(6.0 / (conv.out_channels * conv.kernel_size[0] ** 2))
            nn.init.uniform_(conv.weight, -bound, bound)

    def forward(self, pictures: Tensor) -> Tensor:
        h = F.max_pool2d(F.relu(self.bn1(self.conv1(pictures))), 3, 2, 1)
        h = self.layer4(self.layer3(self.layer2(self.layer1(h))))
        pooled = h.mean((2, 3)) if self.pool is None else self.pool(h)
        return pooled if self.out is None else F.relu(self.out(pooled))


NETWORKS = {"mlp": Mlp, "transformer": Transformer, "unet": Unet}


def build(config: dict, shape: dict, encoders: list[Encoder]) -> Network:
    """The network of a checkpoint's `network` configuration, with the encoders of its cameras as `vision`."""
    network = NETWORKS[config["kind"]](config, shape)
    if encoders:
        network.vision = nn.ModuleList(encoders)
    return network


def parameters_in_order(network: Network) -> list[tuple[str, nn.Parameter]]:
    """The parameters in the order of the checkpoint's checksum: that in which the layers come."""
    named = dict(network.named_parameters())
    if "position" in named:
        position = named.pop("position")
        at = list(named).index("input.bias") + 1
        pairs = list(named.items())
        return [*pairs[:at], ("position", position), *pairs[at:]]
    return list(named.items())
