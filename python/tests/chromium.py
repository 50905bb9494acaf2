"""A headless Chromium, driven by its DevTools protocol."""

import base64
import json
import re
import subprocess
import tempfile
import urllib.request

from websockets.sync.client import connect

WORDS = [
    "--headless=new", "--no-sandbox", "--remote-debugging-port=0", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist", "--no-first-run",
]


class Chromium:
    """One page of a browser without a screen."""

    def __init__(self, program, width=1280, height=800):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        words = [program, *WORDS, f"--user-data-dir={self.folder.name}", f"--window-size={width},{height}", "about:blank"]
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        ports = (re.search(r"ws://127\.0\.0\.1:(\d+)/", line) for line in self.process.stderr)
        port = next(found.group(1) for found in ports if found)
        tabs = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json"))
        page = next(tab for tab in tabs if tab["type"] == "page")
        self.socket, self.calls = connect(page["webSocketDebuggerUrl"], max_size=None).__enter__(), 0
        self.call("Page.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def call(self, method, **values):
        self.calls += 1
        self.socket.send(json.dumps({"id": self.calls, "method": method, "params": values}))
        while (answer := json.loads(self.socket.recv(timeout=120))).get("id") != self.calls:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, address):
        self.call("Page.navigate", url=address)

    def screenshot(self):
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def mouse(self, kind, x, y, down=False):
        button = "none" if kind == "mouseMoved" and not down else "left"
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=int(down), clickCount=int(button == "left"))

    def close(self):
        self.socket.__exit__(None, None, None)
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()
