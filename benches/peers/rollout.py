"""The peer of `planner bench rollout`: the `mujoco` package's own threaded rollout.

Arguments: model.mjb threads steps. Beside them lie state.f64 (one full integration state) and controls.f64
(candidates, steps, nu). Prints the final qpos of the first candidate as JSON once ready, then, for every line it
reads, the seconds that rolling all candidates out took.
"""
import json
import sys
import time

import mujoco
import numpy as np
from mujoco import rollout

model = mujoco.MjModel.from_binary_path(sys.argv[1])
threads, steps = int(sys.argv[2]), int(sys.argv[3])
root = mujoco.MjData(model)
mujoco.mj_setState(model, root, np.fromfile("state.f64"), mujoco.mjtState.mjSTATE_INTEGRATION)
controls = np.fromfile("controls.f64").reshape(-1, steps, model.nu)
full = mujoco.mjtState.mjSTATE_FULLPHYSICS
initial = np.empty(mujoco.mj_stateSize(model, full))
mujoco.mj_getState(model, root, initial, full)
initial = np.tile(initial, (len(controls), 1))
warmstart = np.tile(root.qacc_warmstart, (len(controls), 1))
datas = [mujoco.MjData(model) for _ in range(threads)]
states = np.empty((len(controls), steps, initial.shape[1]))
sensors = np.empty((len(controls), steps, model.nsensordata))

with rollout.Rollout(nthread=threads) as pool:

    def run() -> float:
        begun = time.perf_counter()
        pool.rollout(model, datas, initial, controls, initial_warmstart=warmstart, state=states, sensordata=sensors)
        return time.perf_counter() - begun

    run()
    print(json.dumps(states[0, -1, 1 : 1 + model.nq].tolist()), flush=True)
    for _ in sys.stdin:
        print(run(), flush=True)
