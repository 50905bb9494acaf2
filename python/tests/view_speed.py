"""What the page costs the planner: python tests/view_speed.py [--seconds 60] [--threads 1] [--soak]

Clients of the websocket protocol take the place of browsers, which would draw on the planner's cores. Plan times with
the page and without are measured in turns, on the same episodes. ``--soak`` runs the page alone, with three clients in
another process, of which two vanish again and again, and tells the memory.
"""

import argparse
import subprocess
import sys
import threading
import time

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from imle_planner.viewer import page
from imle_planner.viewer.opening import staged
from imle_planner.viewer.panel import Panel

#: What MuJoCo's own page says first: its protocol and version.
HELLO = bytes.fromhex("78000000000000004d754a6f436f20576562205669657765720000").ljust(72, b"\0") + bytes.fromhex(
    "312e39322e3962000000000000000000312e31332e3000000000000000000000120000005b4b0000242c000002000000"
)


class Client:
    """A browser that draws nothing: it takes the interface and the states, `late` seconds after they come."""

    def __init__(self, guarded, name, late=0.0, controls=False):
        self.late, self.states = late, 0
        address, token = guarded.split("?token=")
        cookie = {"Cookie": f"planner-view-{address.rstrip('/').rsplit(':', 1)[1]}={token}"}
        where = address.replace("http", "ws").rstrip("/")
        self.sockets = []
        for path, follow in [("ui", self.interface), ("state", self.state)][0 if controls else 1 :]:
            one = connect(f"{where}/{path}?sid={name}", additional_headers=cookie, max_size=None).__enter__()
            self.sockets.append(one)
            threading.Thread(target=self.followed, args=(follow, one), daemon=True).start()

    @staticmethod
    def followed(follow, one):
        try:
            follow(one)
        except ConnectionClosed:
            pass

    def interface(self, one):
        one.send(HELLO)
        while True:
            one.recv()

    def state(self, one):
        while True:
            if isinstance(one.recv(), bytes):
                self.states += 1
                time.sleep(self.late)
                one.send("state_ack")

    def close(self):
        for one in self.sockets:
            one.close()


def memory():
    """Resident memory, MiB."""
    with open("/proc/self/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


def opened(threads):
    """A page of stack, its panel and its loop."""
    stage = staged("stack", "stack", threads=threads)
    panel = Panel(stage)
    served = page.Opened("127.0.0.1", 0, stage.title, stage.model, [panel])
    loop = threading.Thread(target=stage.run, args=(served,))
    loop.start()
    return stage, panel, served, loop


def closed(stage, served, loop):
    """Everything ended."""
    stage.stop()
    loop.join()
    served.close()


def watched(seconds, threads):
    """Plan times (ms) with a quick and a slow client, pictures a second, and simulated seconds a second."""
    stage, panel, served, loop = opened(threads)
    quick, slow = Client(served.guard.address, "quick", controls=True), Client(served.guard.address, "slow", late=0.5)
    took, simulated, begun, frames = [], 0.0, time.monotonic(), panel.frames
    last, seen = 0.0, None
    while time.monotonic() - begun < seconds:
        time.sleep(0.02)
        course, now = stage.session.course, float(stage.data.time)
        simulated, last = simulated + max(now - last, 0.0), now
        if course.took and (stage.session.episode, len(course.took)) != seen:
            seen = (stage.session.episode, len(course.took))
            took.append(course.took[-1])
    passed = time.monotonic() - begun
    rates = [(panel.frames - frames) / passed, quick.states / passed, slow.states / passed, simulated / passed]
    quick.close()
    slow.close()
    closed(stage, served, loop)
    return took, rates


def alone(seconds, threads):
    """Plan times (ms) of the same session without a page, at wall-clock speed."""
    stage = staged("stack", "stack", threads=threads)
    took, begun, before, seen = [], time.monotonic(), time.monotonic(), None
    while time.monotonic() - begun < seconds:
        now = time.monotonic()
        stage.tick(min(now - before, 0.1))
        before = now
        course = stage.session.course
        if course.took and (stage.session.episode, len(course.took)) != seen:
            seen = (stage.session.episode, len(course.took))
            took.append(course.took[-1])
        time.sleep(1 / 60)
    return took


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--clients", metavar="ADDRESS", help="be the clients of --soak")
    args = parser.parse_args()
    if args.soak:
        stage, panel, served, loop = opened(args.threads)
        words = [sys.executable, __file__, "--clients", served.guard.address, "--seconds", str(args.seconds)]
        clients, begun = subprocess.Popen(words), time.monotonic()
        while clients.poll() is None:
            time.sleep(30.0)
            minutes = (time.monotonic() - begun) / 60
            print(f"{minutes:5.1f} min: {memory():.0f} MiB, {panel.frames} pictures, episode {stage.session.episode}", flush=True)
        closed(stage, served, loop)
        return
    if args.clients:
        stays, end = Client(args.clients, "stays", controls=True), time.monotonic() + args.seconds
        while time.monotonic() < end:
            others = [Client(args.clients, f"goes{index}") for index in range(2)]
            time.sleep(5.0)
            for other in others:
                other.close()
        stays.close()
        return
    ratios = []
    for number in range(args.rounds):
        without = np.median(alone(args.seconds, args.threads))
        took, (frames, quick, slow, pace) = watched(args.seconds, args.threads)
        ratios.append(np.median(took) / without)
        print(
            f"round {number}: plan {without:.1f} ms without, {np.median(took):.1f} ms with the page ({ratios[-1]:.2f}); "
            f"{frames:.0f} pictures/s, quick client {quick:.0f}/s, slow one {slow:.1f}/s; {pace:.2f} of real time",
            flush=True,
        )
    print(f"ratio of medians: {np.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
