"""What a process must survive: forks, callbacks, warnings, torch's threads, Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
import time

import mujoco
import numpy as np
import pytest

import imle_planner as ip

BROKEN = """
<mujoco><worldbody><body><joint type="slide"/><geom size="0.1" mass="1"/></body></worldbody></mujoco>
"""


def script(text, **more):
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120, **more)


def test_a_fork_is_refused():
    policy = ip.Policy.load("cartpole")
    seen = [0.0] * policy.observation_size
    policy.sample(seen)
    child = os.fork()
    if child == 0:
        try:
            policy.sample(seen)
        except RuntimeError as error:
            os._exit(7 if "spawn" in str(error) else 8)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_callbacks_of_mujoco_are_refused():
    task = ip.Task.load("cartpole")
    mpc, state = ip.Controller(task=task, optimizer="cem"), task.start_state()
    mujoco.set_mjcb_control(lambda model, data: None)
    try:
        with pytest.raises(RuntimeError, match="mjcb_control"):
            mpc.plan(state)
        with pytest.raises(RuntimeError, match="mjcb_control"):
            ip.evaluate(None, "cartpole", episodes=1, optimizer="cem")
    finally:
        mujoco.set_mjcb_control(None)
    assert mpc.plan(state).rollouts == 32


def test_mujocos_own_errors_and_warnings_stay_pythons():
    ip.Controller(task="cartpole", optimizer="cem").plan(ip.Task.load("cartpole").start_state())
    model = mujoco.MjModel.from_xml_string(BROKEN)
    data = mujoco.MjData(model)
    data.qpos[:] = np.nan
    mujoco.mj_step(model, data)
    assert data.warning[mujoco.mjtWarning.mjWARN_BADQPOS].number == 1
    with pytest.raises((mujoco.FatalError, ValueError, TypeError)):
        mujoco.mj_setState(model, data, np.zeros(1), -1)
    # A rollout that diverges is scored, not raised.
    task = ip.Task.load("cartpole")
    state = task.state_at([0.0, 0.1], [1e12, 1e12])
    plan = ip.Controller(task=task, optimizer="cem").plan(state)
    assert plan.failed_rollouts == plan.rollouts and plan.source is None


def test_torchs_number_of_threads_stays():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        policy = ip.Policy.load("cartpole")
        policy.sample([0.0] * policy.observation_size)
        ip.evaluate(policy, "cartpole", episodes=2)
        found = [torch.get_num_threads()]
        thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert found == [3, 3]
    finally:
        torch.set_num_threads(before)


def interrupted(call):
    """Seconds from Ctrl-C to `KeyboardInterrupt` in `call`."""
    # A shell that starts this in the background has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        call()
    return time.monotonic() - begun - 1.0


def stop(done, step):
    done.append(step)
    raise StopIteration


def test_ctrl_c_is_heard_at_once_and_training_goes_on(tmp_path):
    ip.record(None, "cartpole", tmp_path / "data", episodes=8, optimizer="cem")
    out = tmp_path / "policy"
    late = interrupted(lambda: ip.train(tmp_path / "data", steps=100_000, out=out, threads=1, batch_size=16))
    assert late < 5.0
    done = []
    with pytest.raises(StopIteration):
        ip.train(tmp_path / "data", steps=100_000, out=out, threads=1, resume=True, progress=lambda step, _: stop(done, step))
    assert done[0] >= 100, "it went on from where it was"
    late = interrupted(lambda: ip.evaluate(None, "stack", episodes=1000, optimizer="cma-es"))
    assert late < 5.0


@pytest.mark.parametrize("order", ["imle_planner, mujoco", "mujoco, imle_planner"])
def test_any_order_of_imports(order):
    text = f"import {order}\nimport imle_planner as ip\nprint(len(ip.Task.load('cartpole').start_state()))"
    done = script(text)
    assert done.returncode == 0, done.stderr


def test_other_versions_are_refused():
    text = "import sys, types\nm = types.ModuleType('mujoco'); m.__version__ = '3.2.0'; sys.modules['mujoco'] = m\n"
    text += "import importlib.machinery as k\nm.__spec__ = k.ModuleSpec('mujoco', None, is_package=True)\n"
    text += "m.__spec__.submodule_search_locations = ['/nowhere']\nimport imle_planner"
    done = script(text)
    assert "ImportError: imle_planner: expected mujoco 3.17.0, found 3.2.0" in done.stderr, done.stderr
