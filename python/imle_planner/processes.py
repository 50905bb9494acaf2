"""A copy of an environment in a process of its own, for environments whose steps take long."""

from __future__ import annotations

import multiprocessing
from typing import Any, Callable

import cloudpickle

from .copies import Copy, Look

#: Time for a process to end by itself, s.
PATIENCE = 5.0


class Process:
    """As :class:`Copy`, elsewhere. Never by a fork: the threads of libtorch and MuJoCo do not survive one."""

    def __init__(self, make: Callable[[], Any], look: Look):
        context = multiprocessing.get_context("forkserver")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, cloudpickle.dumps((make, look))), daemon=True)
        self._process.start()
        theirs.close()
        self._pending = 0

    def about(self) -> Any:
        """Name, longest episode, and range of the actions."""
        self._ask("about")
        return self.answer()

    def begin(self, seed: int, options: dict[str, Any] | None) -> None:
        """Reset."""
        self._ask("begin", seed, options)

    def act(self, action: Any) -> None:
        """Step."""
        self._ask("act", action)

    def answer(self) -> Any:
        """What came of it."""
        try:
            failed, answer = self._pipe.recv()
        except EOFError:
            raise RuntimeError("environment: expected its process to answer, found that it ended") from None
        if failed:
            raise answer
        return answer

    def close(self) -> None:
        """End the process."""
        try:
            self._pipe.send(None)
        except (BrokenPipeError, OSError):
            pass
        self._process.join(PATIENCE)
        if self._process.is_alive():
            self._process.terminate()

    def _ask(self, *question: Any) -> None:
        try:
            self._pipe.send(question)
        except (BrokenPipeError, OSError):
            raise RuntimeError("environment: expected its process to listen, found that it ended") from None


def asked(pipe: Any) -> Any:
    """The next question; None where nobody asks any more."""
    try:
        return pipe.recv()
    except (EOFError, ConnectionResetError):
        return None


def serve(pipe: Any, made: bytes) -> None:
    """Answer questions until there are no more."""
    copy: Copy | None = None
    try:
        copy = Copy(*cloudpickle.loads(made))
    except Exception as error:  # noqa: BLE001  (whatever it is, the other side raises it)
        failure: Exception | None = error
    else:
        failure = None
    while (question := asked(pipe)) is not None:
        try:
            if copy is None:
                raise failure or RuntimeError("environment: none")
            name, *arguments = question
            answer = getattr(copy, name)(*arguments)
            pipe.send((False, answer if name == "about" else copy.answer()))
        except Exception as error:  # noqa: BLE001
            pipe.send((True, error))
    if copy is not None:
        copy.close()
