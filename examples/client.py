#!/usr/bin/env python3
"""A client of `planner serve` in one file, with nothing but the standard library (docs/reference/protocol.md says the protocol).

    planner serve --task stack --socket /tmp/stack.sock
    python3 examples/client.py /tmp/stack.sock

In a program of your own:

    from client import Planner
    with Planner("/tmp/stack.sock") as planner:
        answer = planner.decide(observations=[...], state=[...], reset=True)
        for action in answer["chunk"][:answer["execute"]]:
            ...

Sequences are lists or anything with a `tolist`, such as NumPy arrays; numbers come back as lists. With MuJoCo's Python
package the server's own model can be simulated:

    model = planner.model()
    data = mujoco.MjData(model)
    planner.step(model, data, answer["chunk"][0])
"""

import base64
import json
import os
import socket
import struct
import sys
import time

# Seconds within which a server says who it is; one that was stopped never does.
GREETING = 10.0


class PlannerError(Exception):
    """The server refused a request; the text names the field, what was expected and what was found."""


class Planner:
    """A connection to `planner serve`. One object is for one thread; open as many as there are robots."""

    PROTOCOL = 1

    def __init__(self, path, timeout=None, owner=None):
        """Connects to the socket at `path`; `timeout` in seconds is how long an answer may take (None: for ever).

        Who serves must be the user who asks, or `owner`, the number of another user: in a shared folder anyone can
        open a socket.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._lines = self._socket.makefile("rb")
        self._count = 0
        try:
            self._socket.settimeout(GREETING)
            self._socket.connect(str(path))
            found, expected = self._server(path), os.geteuid() if owner is None else owner
            if found != expected:
                raise PlannerError(f"{path}: expected a server of user {expected}, found one of user {found}")
            # Sizes, horizons, ranges and names, as the server tells them: a dict.
            self.hello = self._read()
            self._socket.settimeout(timeout)
            if self.hello["protocol"] != self.PROTOCOL:
                raise PlannerError(f"expected protocol {self.PROTOCOL}, found {self.hello['protocol']}")
        except socket.timeout:
            self.close()
            raise PlannerError(f"{path}: expected a greeting within {GREETING:g} s, found none") from None
        except BaseException:
            self.close()
            raise

    def _server(self, path):
        """Number of the user who serves."""
        if hasattr(socket, "SO_PEERCRED"):
            peer = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            return struct.unpack("3i", peer)[1]
        return os.lstat(path).st_uid

    def decide(self, observations=None, state=None, *, qpos=None, qvel=None, ctrl=None, episode=None, reset=False,
               executed=None, deadline_ms=None):
        """Asks for a chunk.

        observations  (n, O) with n from 1 to T_obs, oldest first, one row a control step: those since the last request.
                      None: the server observes `state`.
        state         the full integration state (mjSTATE_INTEGRATION), or None with qpos and qvel (and ctrl).
        reset         whether an episode begins; episode is its index.
        executed      actions of the last chunk that were executed since; None: T_act.
        deadline_ms   no rollout begins later; the best so far is the answer. None: no deadline.

        Returns a dict: `chunk` (T_pred, A), `execute` (T_act), `source`, `predicted`, `quality`, `rollouts`, `failed`,
        `plan_ms`, `waited_ms`, `episode`, `decision`.
        """
        return self._ask("decide", observations=observations, state=state, qpos=qpos, qvel=qvel, ctrl=ctrl,
                         episode=episode, reset=reset or None, executed=executed, deadline_ms=deadline_ms)

    def propose(self, observations=None, state=None, **fields):
        """Decides as `decide` does, and tells all N candidates beside the chosen one.

        Returns what `decide` returns and `chunks` (N, T_pred, A), `costs` (N; None for one that has no cost), `sources`
        (N) and `chosen`, the index of `chunk` among them (None if it is none of them).
        """
        return self._ask("propose", observations=observations, state=state, **fields)

    def act(self, action, state=None, *, qpos=None, qvel=None, ctrl=None):
        """What an action (A) comes to in a state: the commands of each physics step of a control step.

        Returns a dict: `controls` (substeps, nu) for MuJoCo's `ctrl`, and for tasks that move mocap bodies `mocap_pos`
        (substeps, nmocap, 3) and `mocap_quat` (substeps, nmocap, 4).
        """
        return self._ask("act", action=action, state=state, qpos=qpos, qvel=qvel, ctrl=ctrl)

    def model(self, which="world"):
        """The task's compiled model, a `mujoco.MjModel`: of the world, or `planner`, in which candidates are tried."""
        import mujoco

        answer = self._ask("model", which=which)
        if answer["mujoco"] != mujoco.__version__:
            raise PlannerError(f"expected MuJoCo {answer['mujoco']}, found {mujoco.__version__}")
        return mujoco.MjModel.from_binary_path("model.mjb", {"model.mjb": base64.b64decode(answer["model"])})

    def state(self, model, data):
        """The full integration state of MuJoCo's data."""
        import mujoco
        import numpy

        state = numpy.empty(mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION))
        mujoco.mj_getState(model, data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
        return state

    def step(self, model, data, action):
        """Simulates one control step of `action` (A) in MuJoCo's data."""
        import mujoco

        commands = self.act(action, self.state(model, data))
        for step in range(self.hello["substeps"]):
            if model.nu:
                data.ctrl[:] = commands["controls"][step]
            if model.nmocap:
                data.mocap_pos[:], data.mocap_quat[:] = commands["mocap_pos"][step], commands["mocap_quat"][step]
            mujoco.mj_step(model, data)

    def observe(self, observations=None, state=None, *, qpos=None, qvel=None, ctrl=None, episode=None, reset=False):
        """Tells what was observed between decisions, without asking for one."""
        return self._ask("observe", observations=observations, state=state, qpos=qpos, qvel=qvel, ctrl=ctrl,
                         episode=episode, reset=reset or None)

    def example(self, episode=0):
        """A start state of the task: `observations` (T_obs, O), `state`, `qpos`, `qvel`, `ctrl`."""
        return self._ask("example", episode=episode)

    def ping(self):
        """Whether the server answers."""
        return self._ask("ping")["pong"]

    def close(self):
        """Ends the connection."""
        self._lines.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _ask(self, kind, **fields):
        self._count += 1
        request = {"type": kind, "id": self._count}
        request.update((name, _plain(value)) for name, value in fields.items() if value is not None)
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # The server closed the connection, and may have said why.
        return self._read()

    def _read(self):
        line = self._lines.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("the server closed the connection")
        answer = json.loads(line)
        if "error" in answer:
            if answer.get("closed"):
                self.close()
            raise PlannerError(answer["error"])
        return answer


def _plain(value):
    """`value` as JSON knows it: arrays become lists."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value


def demo(path, repeats=50):
    """Prints a decision for a start state, and what a round trip costs over the decision itself."""
    with Planner(path) as planner:
        hello = planner.hello
        print(f"{hello['task']}: observation {hello['observation_size']}, state {hello['state_size']}, action "
              f"{hello['action_size']}; T_obs {hello['t_obs']}, T_pred {hello['t_pred']}, T_act {hello['t_act']}; "
              f"{hello['control_rate']:g} Hz")
        start = planner.example() if hello["state_size"] else {"observations": [[0.0] * hello["observation_size"]]}
        start.setdefault("state", None)
        answer = planner.decide(start["observations"], start["state"], reset=True)
        print(f"chunk of {len(answer['chunk'])} actions from {answer['source']}, predicted cost {answer['predicted']}, "
              f"{answer['rollouts']} rollouts, {answer['failed']} failed; first action:")
        names = [t["name"] if t["size"] == 1 else f"{t['name']}_{i}" for t in hello["action"] for i in range(t["size"])]
        unknown = [float("nan")] * hello["action_size"]
        low, high = hello["action_low"] or unknown, hello["action_high"] or unknown
        for name, value, low, high in zip(names, answer["chunk"][0], low, high):
            print(f"  {name:20} {value:9.4f}  in [{low:g}, {high:g}]")
        whole, over = [], []
        for _ in range(repeats):
            begun = time.perf_counter()
            answer = planner.decide(start["observations"], start["state"])
            whole.append((time.perf_counter() - begun) * 1e3)
            over.append(whole[-1] - answer["plan_ms"] - answer["waited_ms"])
        median = lambda values: sorted(values)[len(values) // 2]
        print(f"round trip {median(whole):.2f} ms, of which {median(over):.2f} ms over the decision itself (medians of "
              f"{repeats})")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: python3 client.py SOCKET")
    try:
        demo(sys.argv[1])
    except (PlannerError, OSError) as error:
        sys.exit(f"error: {error}")
