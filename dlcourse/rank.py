"""What runs in the process of a rank that `dlcourse.distributed` has started: take work, do it, and tell what came."""

import os
import pickle
import queue
import sys
import threading
import traceback
from datetime import timedelta
from multiprocessing.connection import Connection

from .distributed import packed


def serve() -> None:
    """Take work from the connection until it closes; the main thread does it, another one listens."""
    connection, number = Connection(int(sys.argv[1])), int(sys.argv[2])
    sending, jobs = threading.Lock(), queue.SimpleQueue()

    def send(*message):
        with sending:
            connection.send(message)

    def listen():
        main = threading.main_thread().ident
        while True:
            try:
                kind, *content = connection.recv()
            except (EOFError, ConnectionResetError):  # whoever started this process is gone
                os._exit(1)
            if kind != "where":
                jobs.put(content)
            else:
                send("where", _frames(traceback.walk_stack(sys._current_frames()[main]))[::-1])

    import torch
    import torch.distributed  # noqa: F401  before the work, so that the clock does not count it
    torch.set_num_threads(1)
    threading.Thread(target=listen, daemon=True).start()
    while True:
        _work(number, send, *jobs.get())
        jobs.get()  # the others may still be at it, and this rank's end of the wire would be an error of theirs
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _work(number: int, send, ranks: int, backend: str, store: str, seconds: float, work: bytes) -> None:
    import torch
    import torch.distributed as dist
    os.environ |= {"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(ranks)}
    try:
        if "nccl" in backend:
            torch.cuda.set_device(number)
        dist.init_process_group(backend, init_method=f"file://{store}", rank=number, world_size=ranks,
                                timeout=timedelta(seconds=seconds))
        _forget_the_last_group()
        function, args = pickle.loads(work)
        send("ready")
        result = packed(function(*args), "What it gave back cannot be sent to the notebook")
    except BaseException as error:  # sys.exit too: the others must hear of it
        sys.stdout.flush()
        send("raised", type(error).__name__, str(error), _frames(traceback.walk_tb(error.__traceback__)))
    else:
        sys.stdout.flush()
        send("result", result)


def _forget_the_last_group() -> None:
    """torch.distributed.nn keeps, as defaults, the process group that there was when it was imported."""
    import torch.distributed as dist
    for function in vars(sys.modules.get("torch.distributed.nn.functional", object)).values():
        if defaults := getattr(function, "__defaults__", None):
            function.__defaults__ = tuple(None if isinstance(one, dist.ProcessGroup) else one for one in defaults)


def _frames(walk) -> list:
    return [(frame.f_code.co_filename, line, frame.f_code.co_qualname.split("<locals>.")[-1]) for frame, line in walk]
