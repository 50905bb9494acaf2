"""The peer of `planner bench decision`: judo's controller with predictive sampling.

Arguments: task (cartpole or cylinder_push). Prints a line once ready, then, for every line it reads, the seconds
that one plan took (Controller.update_action, the traces for its viewer left out); its world goes on by 0.05 s after each. judo
starts one thread a rollout, whatever the machine has.
"""
import sys
import time

import judo.tasks.base
import mujoco
import numpy as np
from judo.controller import Controller, ControllerConfig
from judo.optimizers import get_registered_optimizers
from judo.tasks import get_registered_tasks

# Neither task has meshes: judo would fetch those of its other tasks.
judo.tasks.base.download_and_extract_meshes = lambda **_: None
name = sys.argv[1]
task_class, _ = get_registered_tasks()[name]
optimizer_class, optimizer_config = get_registered_optimizers()["ps"]
np.random.seed(0)
task = task_class()
config = optimizer_config()
config.set_override(name)
controller_config = ControllerConfig()
controller_config.set_override(name)
optimizer = optimizer_class(config, task.nu)
controller = Controller(controller_config, task, optimizer)
controller.update_traces = lambda: None
task.reset()


def plan() -> float:
    controller.current_state = np.concatenate([task.data.qpos, task.data.qvel])
    controller.time = task.data.time
    begun = time.perf_counter()
    controller.update_action()
    taken = time.perf_counter() - begun
    for _ in range(max(1, round(0.05 / task.model.opt.timestep))):
        task.data.ctrl[:] = controller.action(task.data.time)
        mujoco.mj_step(task.model, task.data)
    return taken


plan()
print("ready", flush=True)
for _ in sys.stdin:
    print(plan(), flush=True)
