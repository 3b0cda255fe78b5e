"""A script on several processes, as `torchrun` starts it, from a notebook cell; nothing is left running."""

import os
import subprocess
import sys

from .distributed import LOOPBACK, Deadlock, RankError, RankUnwritten

MANY = 3000  # characters of what a script that failed has said


def torchrun(script, ranks: int, seconds: float = 60.0) -> str:
    """Run `torchrun --standalone --nproc-per-node <ranks> <script>`; return what the ranks printed.

    Raises RankError with the end of what was said where a rank fails, RankUnwritten where it has come upon a hole, and
    Deadlock after `seconds`.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}", f"{script}"]
    environment = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": LOOPBACK, **os.environ}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, env=environment) as running:
        try:
            said, errors = running.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            _stop(running)
            raise Deadlock(f"After {seconds:g} seconds the script had not come to its end. It has been stopped, with "
                           "all its ranks.") from None
        except BaseException:
            _stop(running)
            raise
    if running.returncode:
        if "NotImplementedError\n" in errors:
            raise RankUnwritten("A rank has come upon an exercise that is still a hole.")
        raise RankError(f"The script failed. {(said + errors)[-MANY:]}")
    return said


def _stop(running: subprocess.Popen) -> None:
    """Ask torchrun to end, which ends its ranks; then make sure."""
    running.terminate()
    try:
        running.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        running.kill()
        running.communicate()
