"""A cost in Python: a cart with a pole, from a model in XML to a controller, in one file.

    $(python3 python/make.py path) examples/python/python_cost.py

The function is called once a wave with the states of all rollouts, which run in Rust. When it does what you want, write it
as a task file (docs/guide/your-task.md): that is faster, and every command takes it.
"""

import mujoco
import numpy as np

import imle_planner as ip

MODEL = """
<mujoco>
  <option timestep="0.01"/>
  <worldbody>
    <body name="cart" pos="0 0 1">
      <joint name="cart" type="slide" axis="1 0 0" damping="0.5"/>
      <geom type="box" size="0.1 0.05 0.05" mass="1"/>
      <body name="pole">
        <joint name="pole" axis="0 1 0" damping="0.002"/>
        <geom type="capsule" fromto="0 0 0 0 0 0.6" size="0.02" mass="0.1"/>
      </body>
    </body>
  </worldbody>
  <actuator><motor joint="cart" ctrlrange="-12 12" ctrllimited="true"/></actuator>
</mujoco>
"""


def cost(rollouts):
    """Costs (N, T): the pole up, the cart in the middle, both slow."""
    cart, pole = rollouts["qpos"][..., 0], rollouts["qpos"][..., 1]
    speed = np.square(rollouts["qvel"]).sum(-1)
    return 5 * (1 - np.cos(pole)) + 0.5 * np.square(cart) + 0.02 * speed


def main():
    model = mujoco.MjModel.from_xml_string(MODEL)
    mpc = ip.Controller(model, optimizer="cem", candidates=128, horizon=24, execute=1, cost=cost, control_rate=25.0)
    data = mujoco.MjData(model)
    data.qpos[:] = 0.5, np.pi  # hanging
    for step in range(250):
        data.ctrl[:] = mpc.task.controls(mpc.act(data), data)
        mujoco.mj_step(model, data, mpc.task.substeps)
        if step % 25 == 24:
            print(f"{data.time:4.1f} s: pole {np.cos(data.qpos[1]):+.2f} (1 is up), cart at {data.qpos[0]:+.2f} m")
    if np.cos(data.qpos[1]) < 0.95:
        raise SystemExit("the pole is not up")


if __name__ == "__main__":
    main()
