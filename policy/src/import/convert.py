"""Turn a pickled policy (.pt, .pth, .ckpt) into a folder that `planner import` takes: config.json, model.safetensors.

    planner import --converter | python3 - FILE --out FOLDER [--trust]

FILE is a checkpoint of the public Diffusion Policy code (its configuration is inside), or a state dict of the public
IMLE Policy code; that needs --config, the task's JSON configuration of that code, and takes stats.pth from beside FILE.
Needs torch and safetensors, and for Diffusion Policy dill and omegaconf. A file that holds more than tensors, as those of
Diffusion Policy do, can run anything when it is loaded: that is refused without --trust.
"""
import argparse
import json
import pickle
from pathlib import Path

import torch
from safetensors.torch import save_file


def load(path, trust):
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        if not trust:
            raise SystemExit(f"{path}: expected tensors alone, found a pickle of other objects, which may run anything when it is "
                             "loaded; --trust loads it, if you know who made it")
    try:
        import dill as pickle_module
    except ImportError:
        pickle_module = pickle
    return torch.load(path, map_location="cpu", pickle_module=pickle_module, weights_only=False)


def diffusion_policy(checkpoint):
    """The averaged weights, if there are any, and the policy's part of the configuration."""
    from omegaconf import OmegaConf

    # As the code itself does: its configurations compute with it.
    OmegaConf.register_new_resolver("eval", eval, replace=True)
    weights = checkpoint["state_dicts"]
    policy = OmegaConf.to_container(checkpoint["cfg"].policy, resolve=True)
    return weights.get("ema_model", weights.get("model")), {"type": "diffusion_policy", "policy": policy}


def imle_policy(weights, arguments):
    if arguments.config is None:
        raise SystemExit("a state dict alone does not tell its sizes: name the task's configuration with --config")
    stats = arguments.stats or arguments.file.with_name("stats.pth")
    if not stats.exists():
        raise SystemExit(f"{stats}: not found; name the file of the normaliser with --stats")
    for part, ends in load(stats, arguments.trust).items():
        for end, values in ends.items():
            weights[f"stats.{part}.{end}"] = torch.as_tensor(values, dtype=torch.float32)
    config = json.loads(arguments.config.read_text())
    return weights, {**config, "type": "imle_policy", "method": arguments.method}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder, made if it is not there")
    parser.add_argument("--config", type=Path, help="IMLE Policy: the task's configuration")
    parser.add_argument("--stats", type=Path, help="IMLE Policy: the normaliser [default: stats.pth beside FILE]")
    parser.add_argument("--method", default="rs_imle", choices=["rs_imle", "diffusion", "flow_matching"],
                        help="IMLE Policy: what it was trained with")
    parser.add_argument("--trust", action="store_true", help="load a pickle of any objects: it can run anything")
    arguments = parser.parse_args()
    loaded = load(arguments.file, arguments.trust)
    if "state_dicts" in loaded:
        weights, config = diffusion_policy(loaded)
    else:
        weights, config = imle_policy(dict(loaded), arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().contiguous().clone() for name, tensor in weights.items() if torch.is_tensor(tensor)}
    save_file(weights, str(arguments.out / "model.safetensors"))
    (arguments.out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    print(f"wrote {arguments.out}; next: planner import {arguments.out} --out CHECKPOINT")


main()
