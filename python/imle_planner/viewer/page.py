"""The page that shows a session: MuJoCo Studio's web viewer, on loopback, behind a token."""

from __future__ import annotations

import errno
import http.cookies
import ipaddress
import logging
import os
import secrets
import socket
import sys
import time
import urllib.parse
import webbrowser
import zlib
from typing import Any, Callable, Sequence

import mujoco
import numpy as np
from mujoco.experimental.dear_imgui import dear_imgui as imgui
from mujoco.experimental.implot import implot
from mujoco.experimental.studio import endpoints, launch_thread, messages, plugin, ux, viewer_handle, viewer_protocol
from mujoco.experimental.studio import web_viewer
from mujoco.experimental.studio.web import headless_ui, web_server
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

#: Where ports are looked for.
FIRST_PORT, PORTS = 8080, 20


class Guard:
    """Lets in who knows the token, under a name that the page has."""

    def __init__(self, host: str, port: int):
        self.host, self.port, self.token = host, port, secrets.token_urlsafe(18)
        #: Cookies do not know ports: two viewers of one machine would overwrite each other's.
        self.cookie = f"planner-view-{port}"

    @property
    def address(self) -> str:
        """Address to open, with the token."""
        name = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{f'[{name}]' if ':' in name else name}:{self.port}/?token={self.token}"

    def check(self, request: Request) -> Response | None:
        """The answer to a request that is refused, or sent on from the address with the token; None lets it in."""
        headers = request.headers
        host, origin = headers.get("Host", ""), headers.get("Origin")
        if not self.known(host):
            # Another name for this address is how a foreign page would reach it (DNS rebinding).
            return refused(f"expected an address of this machine, found {host[:60]!r}")
        if origin is not None and origin != f"http://{host}":
            return refused(f"expected a request of this page, found one of {origin[:60]!r}")
        path, _, query = request.path.partition("?")
        if path == "/drop":
            return refused("this viewer takes no models")
        if path == "/" and self.right(urllib.parse.parse_qs(query).get("token", [""])[0]):
            cookie = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
            return Response(303, "See Other", Headers({"Location": "/", "Set-Cookie": cookie, "Content-Length": "0"}), b"")
        held = http.cookies.SimpleCookie()
        try:
            held.load(headers.get("Cookie", ""))
        except http.cookies.CookieError:
            pass
        if self.cookie in held and self.right(held[self.cookie].value):
            return None
        return refused("open the address that planner view printed, with its token")

    def right(self, token: str) -> bool:
        """Whether this is the token."""
        return secrets.compare_digest(token.encode(), self.token.encode())

    def known(self, host: str) -> bool:
        """Whether a `Host` header names this machine: by an address, as localhost, or by the name it was bound to."""
        name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "80")
        if port != str(self.port):
            return False
        name = name.strip("[]")
        if name in ("localhost", self.host):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def refused(line: str) -> Response:
    """An answer that lets nobody in."""
    body = f"planner view: {line}\n".encode()
    return Response(403, "Forbidden", Headers({"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body))}), body)


#: Guards of the sockets that pages listen on.
_guards: dict[socket.socket, Guard] = {}


def _guarded(serve: Callable[..., Any]) -> Callable[..., Any]:
    """The server's `serve`, which asks the guard of its socket first. Studio's own has no password."""

    def guarded(handler: Any, *, sock: socket.socket, process_request: Any, **rest: Any) -> Any:
        guard = _guards.get(sock)

        def asked(connection: Any, request: Request) -> Response | None:
            answer = guard.check(request) if guard else None
            return answer if answer is not None else process_request(connection, request)

        return serve(handler, sock=sock, process_request=asked, **rest)

    return guarded


web_server.serve = _guarded(web_server.serve)


def bound(host: str, port: int) -> socket.socket:
    """A socket on the port, or on the first that is free from 8080 on."""
    try:
        family = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][0]
    except OSError:
        raise ValueError(f"host: expected an address of this machine, found {host}") from None
    for candidate in [port] if port else range(FIRST_PORT, FIRST_PORT + PORTS):
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, candidate))
            # Whoever opens the address before the server runs waits.
            sock.listen()
            return sock
        except OSError as error:
            sock.close()
            found = error
            if error.errno == errno.EADDRNOTAVAIL:
                raise ValueError(f"host: expected an address of this machine, found {host}") from None
    what = f"port {port}" if port else f"a port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1}"
    raise ValueError(f"port: expected {what} on {host} to be free, found {found.strerror.lower()}")


#: The interface without a screen, and the socket that it connects to: a process has one, for all its pages.
_interface: tuple[socket.socket, Any] | None = None


def interface() -> tuple[socket.socket, Any]:
    """The socket for one server, and the interface."""
    global _interface
    if _interface is None:
        sock = web_server.bind_loopback_socket(0)
        _interface = sock, headless_ui.HeadlessUi("planner", sock.getsockname()[1], web_viewer._find_assets_dir())
    sock, ui = _interface
    return sock.dup(), ui


class Page(web_viewer.WebViewer):
    """Studio's web viewer on a socket of ours; its own constructor would listen on all interfaces."""

    def __init__(
        self, endpoint: endpoints.ViewerEndpoint, sock: socket.socket, title: str, model: Any, plugins: Sequence[Any]
    ):
        config = viewer_protocol.ViewerConfig(title=title, gfx="web")
        viewer_protocol.Viewer.__init__(self, config, endpoint, model=model, plugins=list(plugins))
        self._http_sock, (self._tcp_sock, self._headless_ui) = sock, interface()
        context = self._headless_ui.get_context()
        imgui.SetCurrentContext(context)
        ux.set_imgui_context(context)
        ux.set_implot_context(self._headless_ui.get_implot_context())
        implot.set_imgui_context(context)
        implot.set_implot_context(self._headless_ui.get_implot_context())
        self._model_crc32, self._drop_queue, self._drop_dir, self._drawing = 0, None, None, False
        # An interface that has just begun does not survive a browser.
        for _ in range(10):
            if self._headless_ui.new_frame():
                self._headless_ui.end_frame()
            time.sleep(0.03)
        self._start_server()
        try:
            self.dispatch(viewer_protocol.ViewerInitEvent(viewer=self))
        except BaseException:
            self.close()
            raise

    def _start_server(self) -> None:
        model = np.empty(mujoco.mj_sizeModel(self.model), np.uint8)
        mujoco.mj_saveModel(self.model, None, model)
        self._model_crc32 = zlib.crc32(model.tobytes())
        self._web_server = web_server.WebServer(self._http_sock, self._tcp_sock, mjb_data=model.tobytes())
        self._web_server.start()

    def prepare_next_frame(self) -> bool:
        self._drawing = super().prepare_next_frame()
        return self._drawing

    def sync(self) -> None:
        super().sync()
        self._drawing = False

    def close(self) -> None:
        if self._drawing:
            self._headless_ui.end_frame()
        super().close()

    @messages.handler(priority=messages.Priority.INTERNAL)
    def _on_post_model(self, _: messages.PostModelEvent) -> None:
        self._update_model()

    def get_drop_file(self) -> str:
        return ""


def is_news(record: logging.LogRecord) -> bool:
    """Whether a line of the log is more than that a browser went away while something was sent to it."""
    return not (record.exc_info and isinstance(record.exc_info[1], ConnectionClosed))


logging.getLogger("asyncio").addFilter(is_news)


class Opened:
    """A page that is open: what a loop of the simulation syncs with."""

    def __init__(self, host: str, port: int, title: str, model: Any, plugins: Sequence[plugin.Plugin]):
        logging.getLogger("WebServer").setLevel(logging.WARNING)
        if _guards:
            raise RuntimeError("view: expected one page at a time in a process, found another that is open")
        sock = bound(host, port)
        self.guard = _guards[sock] = Guard(host, sock.getsockname()[1])
        self._sock = sock
        viewers, sims = plugin.split_plugins(plugins)

        def run(endpoint: endpoints.ViewerEndpoint) -> None:
            viewer_protocol.run_viewer_loop(Page(endpoint, sock, title, model, viewers))

        self.handle: viewer_handle.ViewerHandle = launch_thread.launch_thread(run, sim_plugins=sims)

    def browse(self) -> bool:
        """Open the address in a browser, if there is a screen to show one on."""
        return has_screen() and webbrowser.open(self.guard.address, new=2)

    def close(self) -> None:
        """Stop serving."""
        self.handle.close()
        _guards.pop(self._sock, None)


def has_screen() -> bool:
    """Whether a browser would be seen."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
