"""A checkpoint for other programs: a LeRobot folder, an ONNX file, or a plain PyTorch module.

    python -m imle_planner.export --to onnx runs/generator --out generator.onnx

What is written is loaded again and compared with the checkpoint, to 1e-5 of the range of the actions.
"""

import argparse
import json
import logging
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

from ._exit_code import exit_code
from .checkpoint_folder import InputError, read_json, unexpected, write_atomic

TOLERANCE = 1e-5
# Rows and candidates of the comparison; the first are those that the export is traced with.
SIZES = [(3, 5), (1, 1), (2, 32)]
EPILOG = """inputs of a module and of ONNX: `observations` (B, T_obs, O) in task units, oldest first, and `latents`
(B, n, Z) of normal values; with cameras also `pictures` (B, T_obs, cameras, H, W, 3), bytes. Output: `chunks`
(B, n, T_pred, A).

  lerobot   PLACE is a folder for `lerobot-eval --policy.path=PLACE` and for `planner run --checkpoint PLACE/imle`
  torch     torch.export.load("PLACE").module()(observations, latents), without this package
  onnx      onnxruntime.InferenceSession("PLACE").run(None, {"observations": …, "latents": …})
"""


def example(policy, rows: int, n: int) -> tuple:
    """Inputs of that size: observations in the range of the data, latents, and pictures if it sees any."""
    import torch

    generator = torch.Generator().manual_seed(rows)
    noise = torch.rand(rows, policy.history, policy.observation_size, generator=generator) * 2.0 - 1.0
    inputs = (policy.observation.inverse(noise), torch.randn(rows, n, policy.latent_size, generator=generator))
    if hasattr(policy, "pictures"):
        layout = policy.config["spec"]["pictures"]
        size = (rows, policy.history, len(layout["cameras"]), layout["height"], layout["width"], 3)
        inputs += (torch.randint(0, 256, size, dtype=torch.uint8, generator=generator),)
    return inputs


def compare(policy, place: Path, run) -> None:
    """Checks that `run` answers as `policy` does."""
    import torch

    for rows, n in SIZES:
        inputs = example(policy, rows, n)
        with torch.no_grad():
            wanted, found = policy(*inputs), run(*inputs)
        error = ((wanted - found).abs() / policy.action.scale.clamp(min=1.0)).max().item()
        if not error <= TOLERANCE:
            raise RuntimeError(f"{place}: expected the checkpoint's chunks to {TOLERANCE}, found {error:.1e} off")


def metadata(policy) -> dict[str, str]:
    """Names, horizons and method, as text: values are JSON."""
    spec = policy.config["spec"]
    facts = {"horizons": policy.config["horizons"], "method": policy.method, "latent_size": policy.latent_size}
    facts |= {"task": spec["task"], "control_rate": spec["control_rate"], "pictures": spec.get("pictures")}
    facts |= {"observation": spec["observation"]["terms"], "action": spec["action"]["terms"]}
    facts["temperature"] = policy.sampling.get("temperature", 1.0)
    return {f"imle.{key}": json.dumps(value) for key, value in facts.items()}


def traced(policy) -> tuple:
    """Example inputs and their dynamic dimensions."""
    import torch

    inputs = example(policy, *SIZES[0])
    batch, n = torch.export.Dim("batch"), torch.export.Dim("n")
    return inputs, ({0: batch}, {0: batch, 1: n}, {0: batch})[: len(inputs)]


def to_torch(policy, place: Path) -> None:
    """A `torch.export` program."""
    import torch

    inputs, dynamic = traced(policy)
    program = torch.export.export(policy, inputs, dynamic_shapes=dynamic)
    # PyTorch wants the ending, and an open file has none.
    with open(place, "wb") as file:
        torch.export.save(program, file, extra_files={"imle.json": json.dumps(metadata(policy))})
    with open(place, "rb") as file:
        compare(policy, place, torch.export.load(file).module())


def to_onnx(policy, place: Path) -> None:
    """An ONNX model, in one file."""
    import torch

    try:
        import onnxscript  # noqa: F401
    except ImportError:
        line = "--to onnx: expected onnx and onnxscript, found none; pip install onnx onnxscript onnxruntime"
        raise InputError(line) from None
    inputs, dynamic = traced(policy)
    names = ["observations", "latents", "pictures"][: len(inputs)]
    program = torch.onnx.export(
        policy, inputs, dynamo=True, dynamic_shapes=dynamic, input_names=names, output_names=["chunks"], verbose=False
    )
    program.model.metadata_props.update(metadata(policy))
    program.save(str(place), external_data=False)
    try:
        import onnxruntime
    except ImportError:
        print("not compared: onnxruntime is not installed", file=sys.stderr)
    else:
        session = onnxruntime.InferenceSession(str(place), providers=["CPUExecutionProvider"])

        def run(*inputs):
            chunks = session.run(None, dict(zip(names, (x.numpy() for x in inputs))))[0]
            return torch.from_numpy(np.asarray(chunks))

        compare(policy, place, run)


def to_lerobot(policy, place: Path) -> None:
    """A folder of LeRobot's policy type `imle`, with the checkpoint in `imle/`."""
    place.mkdir(parents=True, exist_ok=True)
    policy.save(place / "imle")
    for name, content in lerobot_files(policy.config).items():
        write_atomic(place / name, (json.dumps(content, indent=4) + "\n").encode())


def lerobot_files(config: dict) -> dict[str, dict]:
    """LeRobot's own files of the policy, by name. Normalisation is the checkpoint's: the processors have none."""
    spec, horizons = config["spec"], config["horizons"]
    sizes = {key: sum(term["size"] for term in spec[key]["terms"]) for key in ("observation", "action")}
    inputs = {"observation.state": {"type": "STATE", "shape": [sizes["observation"]]}}
    pictures = spec.get("pictures")
    for camera in pictures["cameras"] if pictures else []:
        shape = [3, pictures["height"], pictures["width"]]
        inputs[f"observation.images.{camera}"] = {"type": "VISUAL", "shape": shape}
    outputs = {"action": {"type": "ACTION", "shape": [sizes["action"]]}}
    network = config["network"]
    kept = ("latent", "width", "blocks", "heads", "down_dims", "kernel_size", "n_groups", "film_scale")
    norm_map = dict.fromkeys(("STATE", "VISUAL", "ENV", "ACTION"), "IDENTITY")
    fields = {
        "type": "imle",
        "n_obs_steps": horizons["observation"],
        "horizon": horizons["prediction"],
        "n_action_steps": horizons["action"],
        "input_features": inputs,
        "output_features": outputs,
        "normalization_mapping": norm_map,
        "device": "cpu",
        "push_to_hub": False,
        "method": config["method"],
        "task": spec["task"],
        "network": network["kind"],
        **{key: network[key] for key in kept if key in network},
    }
    step = lambda name, **settings: {"registry_name": name, "config": settings}
    device = step("device_processor", device="cpu", float_dtype=None)
    before = [step("rename_observations_processor", rename_map={}), step("to_batch_processor"), device]
    before.append(step("normalizer_processor", eps=1e-8, features=inputs | outputs, norm_map=norm_map))
    after = [step("unnormalizer_processor", eps=1e-8, features=outputs, norm_map=norm_map), device]
    return {
        "config.json": fields,
        "policy_preprocessor.json": {"name": "policy_preprocessor", "steps": before},
        "policy_postprocessor.json": {"name": "policy_postprocessor", "steps": after},
    }


def own_folder(checkpoint: Path, temporary: Path) -> Path:
    """The folder of a checkpoint in planner's own format; of another it is made in `temporary`."""
    for folder in (checkpoint / "imle", checkpoint):
        config = folder / "config.json"
        if config.exists() and "format" in read_json(config, "a checkpoint's configuration"):
            return folder
    try:
        from . import Policy
    except ImportError:
        raise unexpected(checkpoint, "the folder of a checkpoint", "none") from None
    try:
        Policy.load(str(checkpoint)).save(temporary)
    except ValueError as error:
        raise InputError(str(error)) from None
    return temporary


WRITERS = {"lerobot": to_lerobot, "onnx": to_onnx, "torch": to_torch}


def export(checkpoint: Path, to: str, place: Path) -> None:
    """Writes a checkpoint to `place`, whole or not at all: a folder, or the name of a task whose shipped one it is.

    Raises `InputError`, one line, for a checkpoint that is damaged or a place that is taken.
    """
    if place.exists():
        raise unexpected(place, "a new place", "something there")
    if not place.parent.is_dir():
        raise unexpected(place.parent, "a folder", "none")
    from .torch_policy import TorchPolicy

    with tempfile.TemporaryDirectory() as folder:
        policy = TorchPolicy.load(own_folder(checkpoint, Path(folder) / "checkpoint"))
    temporary = place.with_name(f".writing-{place.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        WRITERS[to](policy, temporary)
        temporary.replace(place)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m imle_planner.export",
        description="Write a checkpoint for other programs, and compare the result with it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--to", required=True, choices=sorted(WRITERS), help="what to write")
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="folder of a checkpoint, or task")
    parser.add_argument("--out", required=True, type=Path, metavar="PLACE", help="new file, or folder for lerobot")
    arguments = parser.parse_args(words)
    # PyTorch's exporters warn of their own workings.
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    return exit_code(lambda: export(arguments.checkpoint, arguments.to, arguments.out))


if __name__ == "__main__":
    sys.exit(main())
