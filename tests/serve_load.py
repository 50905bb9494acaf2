#!/usr/bin/env python3
"""Load on `planner serve`: a good client's latency alone and beside silent and greedy ones, and the server's memory.

    python3 tests/serve_load.py target/release/planner                 some 40 s
    python3 tests/serve_load.py target/release/planner --minutes 30    then 30 minutes at the full control rate

The greedy ones send 4 MB of nested lists, lines without end, bad requests, requests whose answers they never read, or
ask for decisions without pause; sent away, they come again. The good one pauses, as a robot does. In the long run it asks at every control step, with a
deadline of 0.6 of it. It prints one line a finding and exits with 1 if a limit is not kept: 400 MB resident, twice the
latency (median) alone, and in the long run no control step missed and memory flat (10 %).
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "examples"))
from client import Planner, PlannerError  # noqa: E402

BAD = 16
MOST_MB = 400
MOST_SLOWER = 2.0
MOST_GROWTH = 1.10
# Share of a control step after which no rollout begins.
DEADLINE = 0.6


def resident(pid):
    """Resident memory, MB."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1e3


class Greedy(threading.Thread):
    """A client that wants more than its share, until it is told to stop."""

    MESSAGES = {
        "nested": b'{"type":"decide","state":' + b"[" * (2 << 20) + b"]" * (2 << 20) + b"}\n",
        "endless": b"x" * (4 << 20),
        "bad": b'{"type":"decide","state":[[[0]]]}\n',
        "deaf": b'{"type":"example"}\n' * 1000,
        "decide": None,
    }

    def __init__(self, path, kind, state, stop):
        super().__init__(daemon=True)
        self.path, self.kind, self.stop, self.tried = path, kind, stop, 0
        decide = json.dumps({"type": "decide", "state": state}).encode() + b"\n"
        self.message = self.MESSAGES[kind] or decide

    def run(self):
        while not self.stop.is_set():
            try:
                with socket.socket(socket.AF_UNIX) as peer:
                    peer.settimeout(5)
                    peer.connect(self.path)
                    self.flood(peer)
            except OSError:
                pass
            self.stop.wait(0.05)

    def flood(self, peer):
        lines = peer.makefile("rb")
        lines.readline()
        while not self.stop.is_set():
            self.tried += 1
            peer.sendall(self.message)
            if self.kind != "deaf" and not lines.readline():
                return


def measure(planner, state, seconds, rate, deadline_ms=None):
    """Decides at `rate` Hz; returns latencies in ms, the control steps missed, and the median number of rollouts."""
    latencies, rollouts, missed, begun = [], [], 0, time.perf_counter()
    step = 0
    while time.perf_counter() - begun < seconds:
        due = begun + step / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        asked = time.perf_counter()
        answer = planner.decide(state=state, reset=step == 0, deadline_ms=deadline_ms)
        latencies.append((time.perf_counter() - asked) * 1e3)
        rollouts.append(answer["rollouts"])
        late = int((time.perf_counter() - due) * rate)
        missed, step = missed + late, step + 1 + late
    return sorted(latencies), missed, at(sorted(rollouts), 0.5)


def at(latencies, share):
    return latencies[min(int(share * len(latencies)), len(latencies) - 1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("planner")
    parser.add_argument("--task", default="stack")
    parser.add_argument("--seconds", type=float, default=15, help="of each short measurement")
    parser.add_argument("--minutes", type=float, default=0, help="of the long run")
    args = parser.parse_args()
    failed = []

    def told(what, value, limit, holds):
        print(f"{what}: {value} ({limit}){'' if holds else '   NOT KEPT'}", flush=True)
        if not holds:
            failed.append(what)

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/s"
        command = [args.planner, "serve", "--task", args.task, "--socket", path, "--quiet"]
        server = subprocess.Popen(command)
        try:
            while True:
                try:
                    planner = Planner(path)
                    break
                except OSError:
                    if server.poll() is not None:
                        sys.exit(f"the server ended with {server.returncode}")
                    time.sleep(0.1)
            hello = planner.hello
            # Without a deadline, as much as keeps half of the machine busy.
            rate, state = hello["control_rate"], planner.example()["state"]
            latencies, *_ = measure(planner, state, 3, rate)
            paced = min(rate, 500 / at(latencies, 0.5))
            alone, *_ = measure(planner, state, args.seconds, paced)
            before = resident(server.pid)
            print(f"alone: median {at(alone, 0.5):.1f} ms, 95 % {at(alone, 0.95):.1f} ms; {before:.0f} MB", flush=True)
            silent = []
            for _ in range(BAD):
                peer = socket.socket(socket.AF_UNIX)
                peer.connect(path)
                silent.append(peer)
            stop = threading.Event()
            kinds = list(Greedy.MESSAGES)
            greedy = [Greedy(path, kinds[i % len(kinds)], state, stop) for i in range(BAD)]
            for thread in greedy:
                thread.start()
            most, done = [before], threading.Event()

            def watch():
                while not done.wait(0.05):
                    most.append(resident(server.pid))

            watcher = threading.Thread(target=watch, daemon=True)
            watcher.start()
            beside, *_ = measure(planner, state, args.seconds, paced)
            done.set()
            stop.set()
            slower = at(beside, 0.5) / at(alone, 0.5)
            tried = {kind: sum(g.tried for g in greedy if g.kind == kind) for kind in kinds}
            print(f"beside {BAD} silent and {BAD} greedy: median {at(beside, 0.5):.1f} ms, 95 % {at(beside, 0.95):.1f} ms; "
                  f"greedy messages {tried}")
            told("slower", f"{slower:.2f} times", f"at most {MOST_SLOWER:g}", slower <= MOST_SLOWER)
            told("memory", f"{max(most):.0f} MB", f"at most {MOST_MB}", max(most) <= MOST_MB)
            for thread in greedy:
                thread.join(timeout=20)
            for peer in silent:
                peer.close()
            if args.minutes:
                first, late, size = None, 0, 0.0
                until = time.monotonic() + 60 * args.minutes
                while time.monotonic() < until:
                    seconds = min(60.0, until - time.monotonic())
                    latencies, missed, rollouts = measure(planner, state, seconds, rate, DEADLINE * 1e3 / rate)
                    late, size = late + missed, resident(server.pid)
                    first = first or size
                    print(f"  median {at(latencies, 0.5):.1f} ms, most {latencies[-1]:.1f} ms, missed {missed}; "
                          f"{rollouts} rollouts, {size:.0f} MB", flush=True)
                told("missed", late, "none", late == 0)
                told("growth", f"{size / first:.3f} times", f"at most {MOST_GROWTH:g}", size <= MOST_GROWTH * first)
            planner.close()
        except PlannerError as error:
            failed.append(str(error))
            print(f"error: {error}")
        finally:
            server.send_signal(signal.SIGTERM)
            if server.wait(timeout=60) != 0 or os.path.exists(path):
                failed.append("end")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
