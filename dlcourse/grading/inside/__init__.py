"""What runs inside the sandbox. Nothing here is trusted by anybody outside, and nothing outside is in reach.

One process loads torch once, then forks for each notebook (`_open`), behind walls of the notebook's own where the
system allows it (walls.py): no sight of other processes, of their files, or of any network but its own loopback. The
fork is a `Session` (session.py): it runs cells and puts a check's questions to an answer, each in another fork, so that
what an answer does while it is asked (print its questions, stash them, die, go on for ever) ends there.

    python -c "…; inside.main()" CONTROL walls|bare

CONTROL is the number of a socket; a byte comes in, "o" with the session's socket beside it or "e" to end the session,
and one byte goes back: "r" ready, "y" done, "n" not possible here.
"""

import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys

from . import walls
from .session import Session

PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Load what every notebook needs, then open and end sessions as the control socket says."""
    control = socket.socket(fileno=int(sys.argv[1]))
    walled = sys.argv[2] == "walls"
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "linux":
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # a session whose parent is gone is still ours to wait for
    session = Session()
    gc.freeze()  # what is loaded stays shared between the forks
    control.sendall(b"r")
    running = None
    while True:
        command, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not command:
            os._exit(0)
        if command == b"o":
            running = _open(session, descriptors[0], control, libc, walled)
            os.close(descriptors[0])
            control.sendall(b"y" if running else b"n")
        elif command == b"e":
            _end(running, walled)
            running = None
            control.sendall(b"y")


def _open(session, descriptor: int, control, libc, walled: bool) -> int | None:
    """Fork a session on the socket `descriptor`; return the number of its process, None where walls can't be built."""
    told, tell = os.pipe()
    middle = os.fork()
    if middle == 0:  # the first process of a new PID namespace is a child of the one that asks for it
        try:
            if walled:
                walls.unshare(libc)
            else:
                os.setsid()
            number = os.fork()
            if number == 0:
                control.close()
                os.close(told)
                os.close(tell)
                if walled:
                    walls.furnish(libc)
                session.serve(socket.socket(fileno=descriptor))
            os.write(tell, str(number).encode())
        finally:
            os._exit(0)
    os.close(tell)
    os.waitpid(middle, 0)
    with open(told, "rb") as pipe:
        number = pipe.read()
    return int(number) if number else None


def _end(number: int | None, walled: bool) -> None:
    """Kill a session's first process; behind walls the kernel then kills all that it started."""
    if number is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL) if walled else os.killpg(os.getpgid(number), signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:  # it, and whatever else of the session has come to us
            if os.waitpid(-1, 0 if walled else os.WNOHANG)[0] in (0, number):
                return
