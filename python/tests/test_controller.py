"""Controllers and tasks: plans, costs in Python, MuJoCo's own data, and misuse."""

import threading

import mujoco
import numpy as np
import pytest

import imle_planner as ip

SLIDER = """
<mujoco><option timestep="0.01"/>
<worldbody><body name="cart"><joint name="slide" type="slide" axis="1 0 0" damping="1"/><geom size="0.1" mass="1"/>
<site name="tip" pos="0 0 0.1"/></body></worldbody>
<actuator><motor name="push" joint="slide" ctrlrange="-5 5" ctrllimited="true"/></actuator></mujoco>
"""


@pytest.fixture(scope="module")
def task():
    return ip.Task.load("cartpole")


def controller(task, **more):
    return ip.Controller(task=task, optimizer="cem", candidates=16, **more)


def test_a_plan_is_the_cheapest_candidate(task):
    plan = controller(task).plan(task.start_state())
    assert plan.actions.shape == (16, 1) and plan.candidates.shape == (16, 16, 1) and plan.costs.shape == (16,)
    np.testing.assert_array_equal(plan.actions, plan.candidates[plan.costs.argmin()])
    assert plan.source == "cem" and len(plan.sources) == 16 and plan.rollouts == 16 and plan.time > 0
    assert set(plan.quality) == {"spread", "beat_warm", "modes", "improvable"}


def test_threads_and_repeats_give_the_same_bits(task):
    state = task.start_state()
    first = controller(task, threads=1).plan(state)
    for threads in (1, 2):
        again = controller(task, threads=threads).plan(state)
        np.testing.assert_array_equal(first.candidates, again.candidates)
        np.testing.assert_array_equal(first.costs, again.costs)


def test_mujoco_data_is_a_state(task):
    model = task.model()
    data = mujoco.MjData(model)
    state = task.start_state()
    mujoco.mj_setState(model, data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
    np.testing.assert_array_equal(task.observe(data), task.observe(state))
    np.testing.assert_array_equal(controller(task).plan(data).actions, controller(task).plan(state).actions)


def test_an_action_in_ones_own_loop_is_the_worlds(task):
    """Controls of every physics step, in MuJoCo's own loop, end in the state of our world."""
    model, state = task.model(), task.start_state()
    data = mujoco.MjData(model)
    mujoco.mj_setState(model, data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
    import gymnasium as gym

    env = gym.make("imle_planner/cartpole-v0").unwrapped
    env.reset(options={"state": state})
    mpc = controller(task)
    for _ in range(3):
        action = mpc.act(data)
        controls, _, _ = task.control_steps(action, data)
        np.testing.assert_array_equal(controls[-1], task.controls(action, data))
        for row in controls:
            data.ctrl[:] = row
            mujoco.mj_step(model, data)
        env.step(action)
        now = np.empty(task.state_size)
        mujoco.mj_getState(model, data, now, mujoco.mjtState.mjSTATE_INTEGRATION)
        np.testing.assert_array_equal(now, env.state())


def test_plans_between_control_steps_count_them_by_time(task):
    """A plan five control steps later starts from what is left of the last one, observed or not."""
    state = task.start_state()
    later = state.copy()
    later[0] += 5 / task.control_rate
    watched, unwatched = controller(task, execute=5), controller(task, execute=5)
    watched.plan(state)
    unwatched.plan(state)
    for step in range(1, 6):
        between = state.copy()
        between[0] += step / task.control_rate
        watched.observe(between)
    a, b = watched.plan(later), unwatched.plan(later)
    np.testing.assert_array_equal(a.candidates[a.sources.index("warm")], b.candidates[b.sources.index("warm")])


def test_a_cost_in_python_is_the_tasks_own():
    """The same quadratic, in Python and in a task file, scores the same candidates alike."""
    model = mujoco.MjModel.from_xml_string(SLIDER)
    seen = []

    def cost(rollout):
        seen.append({name: values.shape for name, values in rollout.items()})
        return (rollout["qpos"][..., 0] - 1.0) ** 2 + 0.1 * rollout["qvel"][..., 0] ** 2

    mpc = ip.Controller(task=model, cost=cost, control_rate=20.0, optimizer="cem", candidates=32)
    task, data = mpc.task, mujoco.MjData(model)
    plan = mpc.plan(data)
    n = seen[0]["qpos"][0]
    assert seen[0] == {
        "qpos": (n, 16, 1), "qvel": (n, 16, 1), "site_xpos": (n, 16, 1, 3), "xpos": (n, 16, 2, 3), "actions": (n, 16, 1),
    }
    assert sum(wave["qpos"][0] for wave in seen) == 32, "once a wave"
    # What the rollouts are told is what MuJoCo does.
    best = plan.candidates[plan.costs.argmin()]
    total = 0.0
    for action in best:
        data.ctrl[:] = action
        for _ in range(5):
            mujoco.mj_step(model, data)
        total += ((data.qpos[0] - 1.0) ** 2 + 0.1 * data.qvel[0] ** 2) / len(best)
    assert plan.costs.min() == pytest.approx(total, rel=1e-9)
    for _ in range(60):
        data.ctrl[:] = task.controls(mpc.act(data), data)
        for _ in range(task.substeps):
            mujoco.mj_step(model, data)
    assert abs(data.qpos[0] - 1.0) < 0.1


def test_the_same_candidates_are_tried_whoever_scores_them(task):
    plans = [
        ip.Controller(task=one, optimizer="predictive-sampling", candidates=8).plan(task.start_state())
        for one in (task, task.with_cost(lambda r: np.abs(r["qpos"]).sum(-1)))
    ]
    np.testing.assert_array_equal(plans[0].candidates, plans[1].candidates)
    assert not np.array_equal(plans[0].costs, plans[1].costs)


@pytest.mark.parametrize(
    ("cost", "error", "line"),
    [
        (lambda r: 1 / 0, ZeroDivisionError, "division by zero"),
        (lambda r: np.zeros(3), ValueError, "cost: expected costs (11, 16) or (11,), found (3,)"),
        (lambda r: "x", ValueError, "could not convert"),
    ],
)
def test_a_cost_that_fails_says_so(cost, error, line):
    task = ip.Task.from_model(mujoco.MjModel.from_xml_string(SLIDER), cost, control_rate=20.0)
    mpc = ip.Controller(task=task, optimizer="cem", candidates=32)
    with pytest.raises(error) as raised:
        mpc.plan(task.start_state())
    assert line in str(raised.value)


def test_costs_that_are_not_finite_are_failed_rollouts():
    task = ip.Task.from_model(
        mujoco.MjModel.from_xml_string(SLIDER), lambda r: np.where(r["actions"][..., 0].sum(1) > 0, np.nan, 1.0),
        control_rate=20.0,
    )
    plan = ip.Controller(task=task, optimizer="cem", candidates=32).plan(task.start_state())
    assert 0 < plan.failed_rollouts < 32 and np.isinf(plan.costs).any()


def test_a_cost_that_is_never_finite_is_no_plan():
    task = ip.Task.from_model(
        mujoco.MjModel.from_xml_string(SLIDER), lambda r: np.full(len(r["qpos"]), np.nan), control_rate=20.0
    )
    mpc = ip.Controller(task=task, optimizer="cem")
    for call in (mpc.act, mpc.plan):
        with pytest.raises(ValueError, match="cost: expected a finite cost of at least one candidate, found none"):
            call(task.start_state())


def test_copies_in_other_processes(task):
    import pickle

    policy = ip.Policy.load("cartpole").with_sampling(temperature=0.5)
    seen = task.observe(task.start_state())
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(policy)).sample(seen), policy.sample(seen))
    assert pickle.loads(pickle.dumps(task)).spec == task.spec
    with pytest.raises(TypeError, match="without a cost"):
        pickle.dumps(task.with_cost(len))


def test_a_policy_alone_needs_no_task(task):
    alone = ip.Controller(policy="cartpole", optimizer="none")
    assert alone.act(task.observe(task.start_state())).shape == (1,)
    assert "source='imle'" in repr(alone.plan(task.observe(task.start_state())))


def test_misuse(task):
    state = task.start_state()
    mpc = controller(task)
    for bad, line in [
        (state[1:], "state: expected"), (np.full_like(state, np.nan), "finite"), (None, "observation: expected"),
    ]:
        with pytest.raises(ValueError, match=line):
            mpc.plan(bad)
    with pytest.raises(ValueError, match="deadline: expected above 0"):
        mpc.plan(state, deadline=0.0)
    mpc.close()
    with pytest.raises(RuntimeError, match="expected an open one, found one that was closed"):
        mpc.plan(state)
    for make, line in [
        (lambda: ip.Controller(task=task, optimzer="cem"), "unknown setting `optimzer`; did you mean `optimizer`"),
        (lambda: ip.Controller(task=task, optimizer="cmm"), "cem"),
        (lambda: ip.Controller(task="stack", policy="push_t"), "expected task `stack`, found task `push_t`"),
        (lambda: ip.Controller(policy="cartpole"), 'or optimizer="none" to let the policy act alone'),
        (lambda: ip.Controller(task=task, noise=float("nan")), "controller: noise: expected finite numbers"),
        (lambda: ip.Controller(task=task, candidates=0), "candidates: expected 1 to"),
        (lambda: ip.Controller(task=task, noise="much"), "controller: noise"),
        (lambda: ip.Controller(task=mujoco.MjModel.from_xml_string(SLIDER), cost=len), "control_rate: expected one"),
        (lambda: ip.Controller(task=task, control_rate=10.0), "control_rate: expected a model beside it"),
        (lambda: ip.Controller(cost=len), "cost: expected a task beside it"),
        (lambda: ip.Task.load("stak"), "did you mean `stack`"),
    ]:
        with pytest.raises(ValueError) as raised:
            make()
        assert line in str(raised.value) and "\n" not in str(raised.value)
    with pytest.raises(TypeError, match="task: expected a name"):
        ip.Controller(task=3)


def test_one_controller_serves_one_thread_at_a_time():
    inside, go_on = threading.Event(), threading.Event()

    def cost(rollout):
        inside.set()
        go_on.wait(10)
        return np.zeros(rollout["qpos"].shape[:2])

    task = ip.Task.from_model(mujoco.MjModel.from_xml_string(SLIDER), cost, control_rate=20.0)
    mpc, state = ip.Controller(task=task, optimizer="cem"), task.start_state()
    thread = threading.Thread(target=mpc.plan, args=(state,))
    thread.start()
    inside.wait(10)
    with pytest.raises(RuntimeError, match="expected one thread at a time"):
        mpc.plan(state)
    go_on.set()
    thread.join()
    assert mpc.plan(state).rollouts == 32
