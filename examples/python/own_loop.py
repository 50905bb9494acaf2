"""A MuJoCo loop of your own, planned with IMLE proposals.

    make python
    $(python3 python/make.py path) examples/python/own_loop.py

The loop owns model, data and time, as a robot would. The controller gets the data once a control step and returns an
action; the task turns it into controls, inverse kinematics included.
"""

import mujoco

import imle_planner as ip

EPISODE, SECONDS = 0, 12


def main():
    task = ip.Task.load("stack")
    mpc = ip.Controller(task=task, policy=ip.Policy.load("stack"), optimizer="cem", candidates=32)
    model = task.model()
    data = mujoco.MjData(model)
    mujoco.mj_setState(model, data, task.start_state(seed=0, episode=EPISODE), mujoco.mjtState.mjSTATE_INTEGRATION)
    mpc.reset(EPISODE)
    red, green = model.body("cube_a").id, model.body("cube_b").id
    for step in range(int(SECONDS * task.control_rate)):
        action = mpc.act(data)  # plans when a plan is due
        controls, positions, quaternions = task.control_steps(action, data)
        for row in range(task.substeps):
            data.ctrl[:] = controls[row]
            if model.nmocap:
                data.mocap_pos[:], data.mocap_quat[:] = positions[row], quaternions[row]
            mujoco.mj_step(model, data)
        above = data.xpos[red] - data.xpos[green]
        if step % 20 == 0:
            print(f"{data.time:5.2f} s: red cube {1e3 * above[2]:4.0f} mm above the green one")
        if abs(above[2] - 0.04) < 0.005 and abs(above[:2]).max() < 0.02:
            print(f"stacked after {data.time:.2f} s")
            return
    raise SystemExit("not stacked")


if __name__ == "__main__":
    main()
