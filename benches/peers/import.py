"""Policies of other code with random weights and what they answer: the fixtures of `planner import`'s tests.

    python import.py policy/fixtures imle_policy diffusion_policy lerobot

Each is built by its own code, saved in its own format (pickles go through policy/src/import/convert.py), and asked with
fixed observations, pictures and noise: one pass of the network, and the chains of passes. With a LeRobot before 0.4
`lerobot` and `lerobot_seeing` write `lerobot_old` and `lerobot_old_seeing`. With --full networks are of the size that
people train, for a check by hand.

The weights of policies that see pictures are too large to be kept: they are numbers that policy/fixtures/grow.rs makes
too, told by parameters.json, and model.safetensors holds the other tensors. Pictures are bytes by a formula as well.

Needs torch, torchvision, diffusers, einops, dill, omegaconf, zarr, lerobot (pip), and checkouts of the other two on
PYTHONPATH:
github.com/krishanrana/imle_policy, github.com/real-stanford/diffusion_policy. Made with torch 2.11.0, diffusers 0.35.2,
lerobot 0.4.4 and 0.3.3.
"""
import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

import diffusers.schedulers.scheduling_ddim as ddim
import diffusers.schedulers.scheduling_ddpm as ddpm
import numpy as np
import torch
from safetensors.torch import load_file, save_file

CONVERTER = Path(__file__).resolve().parents[2] / "policy/src/import/convert.py"
T_OBS, T_PRED, ACTION, SAMPLES = 2, 16, 2, 1


@contextlib.contextmanager
def noise(draws):
    """Everything that is drawn comes from `draws`, one after the other."""
    draws = iter(draws)

    def draw(*size, **named):
        wanted = tuple(named.get("size") or (size[0] if len(size) == 1 else size))
        drawn = next(draws)
        assert tuple(drawn.shape) == wanted, (drawn.shape, wanted)
        return drawn.clone()

    with mock.patch.object(torch, "randn", draw), mock.patch.object(ddpm, "randn_tensor", draw):
        yield


class Expected:
    """The tensors of expected.safetensors."""

    def __init__(self, observation, network, condition, times):
        self.tensors = {"observation": observation.flatten()}
        x = torch.randn(SAMPLES, T_PRED, ACTION)
        if times is None:
            y = network(condition.expand(SAMPLES, -1), x)
        else:
            self.tensors["network.time"] = torch.tensor([float(times)])
            y = network(x, torch.full((SAMPLES,), times), global_cond=condition.expand(SAMPLES, -1))
        self.tensors |= {"network.x": x, "network.y": y}

    def add(self, name, draws, actions):
        """`draws`, each (samples, T, A), in the order in which they are drawn."""
        self.tensors[f"{name}.noise"] = torch.stack(draws, 1).flatten(1)
        self.tensors[f"{name}.actions"] = actions.flatten(1)

    def save(self, folder):
        tensors = {name: tensor.detach().float().contiguous() for name, tensor in self.tensors.items()}
        save_file(tensors, str(folder / "expected.safetensors"))


def draws(count):
    return [torch.randn(SAMPLES, T_PRED, ACTION) for _ in range(count)]


def convert(file, out, *more):
    subprocess.run([sys.executable, str(CONVERTER), str(file), "--out", str(out), *more], check=True)


def spread(network):
    """Norms and biases as they might be after a training, and answers small enough that a chain of passes does not blow
    rounding up: untrained networks do, and then their own code differs from itself by more than 1e-5, on one thread and
    on two."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
        network.final_conv[1].weight.mul_(0.3)


def mixed(x):
    """32 bits that look random, of 32 bits (Chris Wellons' lowbias32)."""
    x = x.astype(np.uint32)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def grow(module):
    """Fills all parameters: base + scale · u, u in [-1, 1) of the parameter's and the value's number. Returns shape, base
    and scale of each by its name."""
    told = {}
    for number, (name, parameter) in enumerate(sorted(module.named_parameters())):
        shape = list(parameter.shape)
        if parameter.dim() == 1:
            base, scale = (1.0 if name.endswith("weight") else 0.0), 0.1
        else:
            # Such that values keep their size, but where a chain of passes would blow rounding up.
            gain = 0.08 if name.endswith("final_conv.1.weight") else 1.5
            base, scale = 0.0, gain / parameter[0].numel() ** 0.5
        start = mixed(np.array([number], dtype=np.uint32))
        u = mixed(np.arange(parameter.numel(), dtype=np.uint32) + start).astype(np.float64) / 2**31 - 1
        values = torch.from_numpy((base + scale * u).astype(np.float32)).reshape(shape)
        parameter.data = values.to(memory_format=torch.contiguous_format)
        told[name] = [shape, base, scale]
    return told


def ungrown(out, told):
    """Leaves in `out` only the tensors that do not grow."""
    tensors = {name: tensor for name, tensor in load_file(out / "model.safetensors").items() if name not in told}
    save_file(tensors, str(out / "model.safetensors"))
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(values)}" for name, values in told.items())
    (out / "parameters.json").write_text(f"{{\n{lines}\n}}\n")


def pictures(*shape):
    """Bytes (..., height, width, 3)."""
    i = np.arange(np.prod(shape), dtype=np.int64)
    return torch.from_numpy(((i * 37 + i * i // 97) % 256).astype(np.uint8).reshape(shape))


def imle_policy(out, full, method="rs_imle"):
    from imle_policy.models.diffusion_network import ConditionalUnet1D
    from imle_policy.models.rs_imle_network import GeneratorConditionalUnet1D

    size = 5
    sizes = {} if full else {"down_dims": [8, 16] if method == "rs_imle" else [8], "kernel_size": 3}
    timed = {} if full or method == "rs_imle" else {"diffusion_step_embed_dim": 8}
    network = (GeneratorConditionalUnet1D if method == "rs_imle" else ConditionalUnet1D)(
        input_dim=ACTION, global_cond_dim=size * T_OBS, **sizes, **timed)
    spread(network)
    # As its create_networks does for any task.
    nets = torch.nn.ModuleDict({"vision_encoder_0": torch.nn.Linear(2, 2), "policy_net": network})
    data = {"obs": torch.randn(50, size, dtype=torch.float64) * 3 + 1, "action": torch.rand(50, ACTION) * 3 - 1}
    stats = {k: {"min": v.min(0).values.numpy(), "max": v.max(0).values.numpy()} for k, v in data.items()}
    config = {"obs_dim": size, "lowdim_obs_dim": size, "action_dim": ACTION, "pred_horizon": T_PRED,
              "obs_horizon": T_OBS, "action_horizon": 4, "num_diffusion_iters": 100, "timestep_integer_scaler": 100,
              "num_flow_iters": 4, "num_cameras": 1, **sizes, **timed}
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        torch.save(nets.state_dict(), scratch / "best_ema_net_weights.pth")
        torch.save(stats, scratch / "stats.pth")
        (scratch / "task.json").write_text(json.dumps(config))
        convert(scratch / "best_ema_net_weights.pth", out, "--config", str(scratch / "task.json"), "--method", method)

    def normalize(x, s):
        return (x - s["min"]) / (s["max"] - s["min"]) * 2 - 1

    def unnormalize(x, s):
        return (x + 1) / 2 * (s["max"] - s["min"]) + s["min"]

    observation = data["obs"][:T_OBS].numpy()
    condition = torch.from_numpy(normalize(observation, stats["obs"])).float().flatten()[None]
    expected = Expected(torch.from_numpy(observation), network, condition, None if method == "rs_imle" else 50)
    start = T_OBS - 1
    condition = condition.expand(SAMPLES, -1)
    drawn = draws(1)
    if method == "rs_imle":
        chunk = network(condition, drawn[0])
    else:
        chunk, passes = drawn[0], 4
        for t in torch.linspace(0.0, 1.0, passes + 1)[:-1]:
            chunk = chunk + network(chunk, (t * 100).long(), global_cond=condition) / passes
    chunk = torch.from_numpy(unnormalize(chunk.detach().numpy(), stats["action"]))
    expected.add("imle-1" if method == "rs_imle" else "flow-4", drawn, chunk[:, start:])
    expected.save(out)


def imle_policy_flow(out, full):
    imle_policy(out, full, "flow_matching")


def imle_policy_seeing(out, full):
    """As its create_networks and process_batch have it for pusht, with one camera more."""
    from imle_policy.models.rs_imle_network import GeneratorConditionalUnet1D
    from imle_policy.models.vision_network import get_resnet, replace_bn_with_gn

    state, cameras, side = 2, 2, 40
    size = state + 512 * cameras
    sizes = {} if full else {"down_dims": [8, 16], "kernel_size": 3}
    encoders = {f"vision_encoder_{i}": replace_bn_with_gn(get_resnet("resnet18")) for i in range(cameras)}
    nets = torch.nn.ModuleDict(encoders)
    nets["policy_net"] = GeneratorConditionalUnet1D(input_dim=ACTION, global_cond_dim=size * T_OBS, **sizes)
    told = grow(nets)
    data = {"agent_pos": torch.randn(50, state, dtype=torch.float64) * 3 + 1, "action": torch.rand(50, ACTION) * 3 - 1}
    stats = {k: {"min": v.min(0).values.numpy(), "max": v.max(0).values.numpy()} for k, v in data.items()}
    config = {"vision_feature_dim": 512, "obs_dim": size, "lowdim_obs_dim": state, "action_dim": ACTION,
              "pred_horizon": T_PRED, "obs_horizon": T_OBS, "action_horizon": 8, "num_diffusion_iters": 100,
              "timestep_integer_scaler": 100, "num_flow_iters": 1, "num_cameras": cameras, "image_shape": [side, side],
              **sizes}
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        torch.save(nets.state_dict(), scratch / "best_ema_net_weights.pth")
        torch.save(stats, scratch / "stats.pth")
        (scratch / "task.json").write_text(json.dumps(config))
        convert(scratch / "best_ema_net_weights.pth", out, "--config", str(scratch / "task.json"))
    ungrown(out, told)

    observation = data["agent_pos"][:T_OBS]
    low, high = (torch.from_numpy(stats["agent_pos"][end]) for end in ("min", "max"))
    agent_pos = ((observation - low) / (high - low) * 2 - 1).float()
    seen = pictures(T_OBS, cameras, side, side, 3).movedim(-1, -3) / 255.0
    features = [nets[f"vision_encoder_{i}"](seen[:, i]) for i in range(cameras)]
    condition = torch.cat([*features, agent_pos], dim=-1).flatten()[None]
    expected = Expected(observation, nets["policy_net"], condition, None)
    expected.tensors["features"] = torch.stack(features, 1).flatten()
    drawn = draws(1)
    chunk = nets["policy_net"](condition.expand(SAMPLES, -1), drawn[0])
    low, high = (torch.from_numpy(stats["action"][end]) for end in ("min", "max"))
    expected.add("imle-1", drawn, ((chunk + 1) / 2 * (high - low) + low)[:, T_OBS - 1:])
    expected.save(out)


def diffusion_policy(out, full):
    import dill
    from diffusion_policy.model.common.normalizer import LinearNormalizer
    from diffusion_policy.model.diffusion.conditional_unet1d import ConditionalUnet1D
    from diffusion_policy.policy.diffusion_unet_lowdim_policy import DiffusionUnetLowdimPolicy
    from omegaconf import OmegaConf

    size = 5
    model = {"input_dim": ACTION, "local_cond_dim": None, "global_cond_dim": size * T_OBS, "kernel_size": 5 if full else 3,
             "diffusion_step_embed_dim": 256 if full else 8, "down_dims": [256, 512, 1024] if full else [8, 8],
             "n_groups": 8, "cond_predict_scale": True}
    scheduler = {"num_train_timesteps": 100, "beta_start": 0.0001, "beta_end": 0.02, "clip_sample": True,
                 "beta_schedule": "squaredcos_cap_v2", "variance_type": "fixed_small", "prediction_type": "epsilon"}
    sizes = {"horizon": "${horizon}", "obs_dim": size, "action_dim": ACTION, "n_action_steps": 4, "n_obs_steps": T_OBS,
             "num_inference_steps": 100, "obs_as_local_cond": False, "obs_as_global_cond": True,
             "pred_action_steps_only": False, "oa_step_convention": True}
    policy = DiffusionUnetLowdimPolicy(model=ConditionalUnet1D(**model), noise_scheduler=ddpm.DDPMScheduler(**scheduler),
                                       **{**sizes, "horizon": T_PRED})
    spread(policy.model)
    data = {"obs": torch.randn(50, size) * 3 + 1, "action": torch.rand(50, ACTION) * 3 - 1}
    data["obs"][:, 3] = 0.7
    normalizer = LinearNormalizer()
    normalizer.fit(data)
    policy.set_normalizer(normalizer)
    names = {"policy": "policy.diffusion_unet_lowdim_policy.DiffusionUnetLowdimPolicy",
             "model": "model.diffusion.conditional_unet1d.ConditionalUnet1D"}
    named = {key: f"diffusion_policy.{name}" for key, name in names.items()}
    noise_scheduler = {"_target_": "diffusers.schedulers.scheduling_ddpm.DDPMScheduler", **scheduler}
    config = {"horizon": T_PRED, "policy": {"_target_": named["policy"], "model": {"_target_": named["model"], **model},
                                            "noise_scheduler": noise_scheduler, **sizes}}
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "latest.ckpt"
        weights = policy.state_dict()
        torch.save({"cfg": OmegaConf.create(config), "state_dicts": {"model": weights, "ema_model": weights},
                    "pickles": {}}, file, pickle_module=dill)
        convert(file, out)

    observation = data["obs"][:T_OBS]
    condition = policy.normalizer["obs"].normalize(observation).flatten()[None]
    expected = Expected(observation, policy.model, condition, 63)
    asked = {"obs": observation[None].expand(SAMPLES, -1, -1)}
    drawn = draws(100)
    with noise(drawn):
        expected.add("ddpm-100", drawn, policy.predict_action(asked)["action_pred"][:, T_OBS - 1:])
    del scheduler["variance_type"]
    policy.noise_scheduler, policy.num_inference_steps = ddim.DDIMScheduler(**scheduler), 10
    drawn = draws(1)
    with noise(drawn):
        expected.add("ddim-10", drawn, policy.predict_action(asked)["action_pred"][:, T_OBS - 1:])
    expected.save(out)


def lerobot(out, full, seeing=False):
    from lerobot.configs.types import FeatureType, NormalizationMode, PolicyFeature
    from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig
    from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy, _make_noise_scheduler

    try:
        from lerobot.policies.diffusion.processor_diffusion import make_diffusion_pre_post_processors as processors
    except ImportError:
        processors = None
        out = out.with_name(out.name.replace("lerobot", "lerobot_old"))
    state, environment, action = "observation.state", "observation.environment_state", "action"
    mode = NormalizationMode
    # The old one with the other options.
    options = {"normalization_mapping": {"STATE": mode.MIN_MAX, "ENV": mode.MIN_MAX, "ACTION": mode.MIN_MAX}}
    if processors is None:
        options = {"normalization_mapping": {"STATE": mode.MEAN_STD, "ENV": mode.MIN_MAX, "ACTION": mode.MEAN_STD},
                   "use_film_scale_modulation": False, "n_groups": 4, "prediction_type": "sample", "clip_sample": False,
                   "beta_schedule": "scaled_linear", "noise_scheduler_type": "DDIM", "num_inference_steps": 20}
    sizes = {"down_dims": (256, 512, 1024)} if full else {
        "down_dims": (8, 16) if processors else (8,), "kernel_size": 3, "diffusion_step_embed_dim": 8}
    features = {state: PolicyFeature(FeatureType.STATE, (2,)), environment: PolicyFeature(FeatureType.ENV, (3,))}
    cameras, height, width, crop = [], 0, 0, None
    if seeing and processors:
        cameras, height, width, crop = ["observation.images.wrist", "observation.images.base"], 75, 80, (68, 76)
        options["normalization_mapping"]["VISUAL"] = mode.MEAN_STD
        options["use_separate_rgb_encoder_per_camera"] = True
    elif seeing:
        cameras, height, width, crop = ["observation.image"], 96, 96, (84, 84)
        options["normalization_mapping"]["VISUAL"] = mode.MIN_MAX
        del features[environment]
    features |= {name: PolicyFeature(FeatureType.VISUAL, (3, height, width)) for name in cameras}
    terms = [name for name in (state, environment) if name in features]
    config = DiffusionConfig(
        input_features=features, output_features={action: PolicyFeature(FeatureType.ACTION, (ACTION,))},
        n_obs_steps=T_OBS, horizon=T_PRED, n_action_steps=T_PRED - T_OBS + 1, crop_shape=crop, device="cpu",
        **sizes, **options)
    data = {state: torch.randn(50, 2) * 3 + 1, environment: torch.randn(50, 3), action: torch.rand(50, ACTION) * 3 - 1}
    data[environment][:, 1] = 0.7
    stats = {k: {"min": v.min(0).values, "max": v.max(0).values, "mean": v.mean(0), "std": v.std(0)}
             for k, v in data.items()}
    for i, name in enumerate(cameras):
        colours = torch.tensor([0.4, 0.5, 0.6]).reshape(3, 1, 1) + 0.05 * i
        stats[name] = {"mean": colours, "std": colours / 2, "min": colours - 0.3, "max": colours + 0.3}
    if processors is None:
        policy = DiffusionPolicy(config, dataset_stats=stats)
    else:
        policy = DiffusionPolicy(config)
    policy.eval()
    if seeing:
        told = grow(policy.diffusion)
    else:
        spread(policy.diffusion.unet)
    if out.exists():
        shutil.rmtree(out)
    policy.save_pretrained(out)
    if seeing:
        ungrown(out, {f"diffusion.{name}": values for name, values in told.items()})
    if processors is None:
        normalize, unnormalize = policy.normalize_inputs, lambda x: policy.unnormalize_outputs({action: x})[action]
    else:
        before, after = processors(config, stats)
        before.save_pretrained(out)
        after.save_pretrained(out)
        normalize, unnormalize = before, after

    def ask(drawn):
        with noise(drawn):
            return unnormalize(policy.diffusion.generate_actions(batch))

    raw = {key: data[key][:T_OBS] for key in terms}
    seen = pictures(T_OBS, len(cameras), height, width, 3).movedim(-1, -3) / 255.0
    normalized = normalize(raw | {name: seen[:, i] for i, name in enumerate(cameras)})
    batch = {k: normalized[k].reshape(1, T_OBS, -1).expand(SAMPLES, -1, -1) for k in raw}
    if seeing:
        # As its select_action stacks them.
        images = [normalized[name].reshape(1, T_OBS, 3, height, width) for name in config.image_features]
        batch["observation.images"] = torch.stack(images, dim=-4).expand(SAMPLES, -1, -1, -1, -1, -1)
    condition = policy.diffusion._prepare_global_conditioning(batch)[:1]
    expected = Expected(torch.cat([raw[name] for name in terms], -1), policy.diffusion.unet, condition, 63)
    if seeing:
        features = condition.reshape(T_OBS, -1)[:, 2:]
        expected.tensors["features"] = (features[:, :-3] if environment in terms else features).flatten()
    named = {key: getattr(config, key) for key in ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule",
                                                   "clip_sample", "clip_sample_range", "prediction_type")}
    for kind, passes in [("DDPM", 100), ("DDIM", 10)]:
        policy.diffusion.noise_scheduler = _make_noise_scheduler(kind, **named)
        policy.diffusion.num_inference_steps = passes
        drawn = draws(passes if kind == "DDPM" else 1)
        expected.add(f"{kind.lower()}-{passes}", drawn, ask(drawn))
    expected.save(out)
    for name in out.iterdir():
        if name.suffix not in (".json", ".safetensors"):
            name.unlink()


def lerobot_seeing(out, full):
    """Two cameras with an encoder each, beside state and environment; with an old LeRobot, one camera, as in its pusht."""
    lerobot(out, full, seeing=True)


CASES = {f.__name__: f for f in (imle_policy, imle_policy_flow, imle_policy_seeing, diffusion_policy, lerobot,
                                 lerobot_seeing)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("cases", nargs="*", choices=[[], *CASES], default=[])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--schedules", action="store_true", help="print values of alphas_cumprod and stop")
    arguments = parser.parse_args()
    if arguments.schedules:
        for betas in ["squaredcos_cap_v2", "linear", "scaled_linear"]:
            signals = ddpm.DDPMScheduler(num_train_timesteps=100, beta_schedule=betas).alphas_cumprod
            print(betas, [signals[k].item() for k in (0, 1, 50, 98, 99)])
        return
    for name in arguments.cases or CASES:
        torch.manual_seed(7)
        with torch.no_grad():
            CASES[name](arguments.out / name, arguments.full)


main()
