"""JupyterLab on the learner's own copy of the lessons, and the way back to a fresh one."""

import errno
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import webbrowser
from contextlib import contextmanager
from pathlib import Path

from dlcourse import progress
from dlcourse.course import LESSON, START, CourseError, root as course_root

HOST = "127.0.0.1"
LOG = ".jupyterlab.log"  # in work/; hidden in JupyterLab's list of files
LABEXTENSIONS = Path(__file__).parent / "labextension"  # gives pictures their alternative text
# Announcements, and what nbgrader has for instructors; its Validate button stays.
NOT_FOR_LEARNERS = ["@jupyterlab/apputils-extension:announcements", "@jupyter/nbgrader:create-assignment",
                    "@jupyter/nbgrader:formgrader", "@jupyter/nbgrader:course-list",
                    "@jupyter/nbgrader:menu"]
SECONDS_TO_START = 90  # a cold disk on a small machine needs most of a minute
SECONDS_TO_STOP = 10


def lab(port: int = 8888, browser: bool = True, root: Path | None = None) -> None:
    """Copy new lessons into work/, open JupyterLab there, print its address, and stay until it is stopped.

    `root` is the course's folder (found by default). Ctrl-C, SIGTERM, a closed terminal and JupyterLab's own
    Shut Down all end it, with no server left behind. Raises CourseError where it cannot start.
    """
    root = root or course_root()
    copied = copy_lessons(root)
    print(f"Copied into work/: {', '.join(copied)}." if copied else "work/ has every lesson; left as it is.")
    require_free(port)
    with ended_by_signals():
        try:
            serve(root / "work", port, browser)
        except KeyboardInterrupt:
            pass  # the wanted end; the server has been stopped on the way here
    print("JupyterLab has ended; your work is in work/.", flush=True)


def serve(work: Path, port: int, browser: bool) -> None:
    """Run JupyterLab on `work` until it ends or this process is interrupted; it never outlives this call."""
    token = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory(prefix="dlcourse-lab-") as settings:
        write_settings(Path(settings), work, port=port, token=token)
        with running_server(Path(settings), work) as server:
            wait_until_it_answers(server, port, token, work / LOG)
            address = f"http://{HOST}:{port}{first_page(work)}?token={token}"
            print(f"JupyterLab is open at {address}\nCtrl-C ends it.", flush=True)
            if browser:
                webbrowser.open(address)
            server.wait()


def copy_lessons(root: Path) -> list[str]:
    """Copy each notebooks/NN_name/ to work/NN_name/ where there is none; return the names copied.

    A lesson that is there already is never touched. A copy appears whole or not at all. The folder gets the record
    of what the learner passes (see progress.py). Raises CourseError where no lesson has been built yet or work/
    cannot be written to.
    """
    lessons, work = released(root), root / "work"
    with told_if_not_writable(work):
        work.mkdir(exist_ok=True)
        copied = [lesson.name for lesson in lessons if copy_if_new(lesson, work)]
    progress.begin(work)
    return copied


def released(root: Path) -> list[Path]:
    """The folders below `root` that learners get, the start page's among them; raises CourseError for none."""
    found = sorted(path.parent for path in root.glob("notebooks/*/*.ipynb")
                   if path.stem == path.parent.name and LESSON.fullmatch(path.stem))
    if not found:
        raise CourseError(f"{root / 'notebooks'} has no lesson yet: build them with `make lessons`.")
    return found


@contextmanager
def told_if_not_writable(work: Path):
    """Inside, an OSError becomes a CourseError that says what to do about the folder `work`."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise CourseError(f"The disk is full: free some room for {work} and try again.") from error
        raise CourseError(f"{work} cannot be written to ({error.strerror or error}): move the course to a "
                          "folder of your own, or ask for write permission there.") from error


def copy_if_new(lesson: Path, work: Path) -> bool:
    """Copy the folder `lesson` into `work` where nothing has its name; return whether it was copied."""
    target = work / lesson.name
    if os.path.lexists(target):
        return False
    with whole_copy(lesson, work) as copy:
        os.rename(copy, target)
    return True


@contextmanager
def whole_copy(lesson: Path, work: Path):
    """Yield a copy of the folder `lesson` inside `work`, under a passing name, to be renamed to its own."""
    with tempfile.TemporaryDirectory(prefix=".copying-", dir=work) as folder:
        yield shutil.copytree(lesson, Path(folder) / lesson.name,
                              ignore=shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__"))


def reset(name: str, root: Path | None = None, forget: bool = False) -> Path | None:
    """Put work/`name` back to the release; return where the learner's own is kept, None where there was none.

    It is kept beside it, as work/02_activations.backup-1 or a later number, whole. What is recorded of the lesson
    stays unless `forget`. Raises CourseError for a name that is no lesson's and where work/ cannot be written to.
    """
    root = root or course_root()
    lessons = {folder.name: folder for folder in released(root)}
    if name not in lessons:
        raise CourseError(f"There is no lesson {name!r}: there is {', '.join(lessons)}.")
    work = root / "work"
    with told_if_not_writable(work):
        work.mkdir(exist_ok=True)
        backup = replace_lesson(lessons[name], work)
    progress.begin(work)
    if forget:
        progress.forget(work, name[3:])
    return backup


def replace_lesson(lesson: Path, work: Path) -> Path | None:
    """Put a copy of the folder `lesson` in the place of `work`'s own; return the latter's new name, if there was one.

    Broken off, it leaves the one or the other there, or at worst none, which the next `dlcourse lab` makes good.
    """
    target, backup = work / lesson.name, None
    with whole_copy(lesson, work) as copy:
        if os.path.lexists(target):
            backup = progress.free_name(target, "backup")
            os.rename(target, backup)
        try:
            os.rename(copy, target)
        except OSError:
            if backup:
                os.rename(backup, target)
            raise
    return backup


def require_free(port: int) -> None:
    """Raise CourseError unless a server may listen on `port` of this machine."""
    free = port % 65535 + 1
    other = f"choose another with --port, as in `make lab PORT={free}` or `dlcourse lab --port {free}`."
    with socket.socket() as probe:
        if os.name == "posix":  # as the server will: a port in TIME_WAIT counts as free, a listener does not
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError as error:
            raise CourseError(f"Port {port} is kept for the system: {other}") from error
        except OSError as error:
            raise CourseError(f"Port {port} is taken by another program: {other}") from error


def first_page(work: Path) -> str:
    """The address at which JupyterLab opens: the start page where `work` has it, else the list of files."""
    page = f"{START}/{START}.ipynb"
    return f"/lab/tree/{page}" if (work / page).is_file() else "/lab"


def write_settings(folder: Path, work: Path, port: int | None = None, token: str | None = None) -> None:
    """Write Jupyter settings into `folder`, a Jupyter config directory: open `work` on its first page, no news.

    With a port and a token also what `dlcourse lab` itself decides; without them that is left to who starts
    the server, as on Binder.
    """
    first = {"default_url": first_page(work)}
    server: dict = {"root_dir": str(work)} | first
    settings: dict = {
        "ServerApp": server,
        "JupyterNotebookApp": first,  # Binder may start `jupyter notebook`, or `jupyter lab`, or the bare server
        "LabApp": first | {"news_url": None, "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
                           "extra_labextensions_path": [str(LABEXTENSIONS)]},
    }
    if port is not None:
        server |= {"ip": HOST, "port": port, "port_retries": 0, "open_browser": False, "allow_root": True}
        settings["IdentityProvider"] = {"token": token}  # in this private file, not in the list of processes
    page = {"disabledExtensions": dict.fromkeys(NOT_FOR_LEARNERS, True)}
    files = {"jupyter_server_config.json": settings, "labconfig/page_config.json": page,
             "nbgrader_config.json": {"Execute": {"timeout": 600}}}  # Validate's 30 s a cell is short for training
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n")


@contextmanager
def ended_by_signals():
    """Inside, SIGTERM and SIGHUP (a closed terminal) act as Ctrl-C does."""
    def interrupt(number, frame):
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


@contextmanager
def running_server(settings: Path, work: Path):
    """Start JupyterLab in `work` with the config directory `settings`; yield its process, then stop it."""
    paths = filter(None, [str(settings), os.environ.get("JUPYTER_CONFIG_PATH")])
    environment = os.environ | {"JUPYTER_CONFIG_PATH": os.pathsep.join(paths)}
    with open(work / LOG, "wb") as log:
        server = subprocess.Popen([sys.executable, "-m", "jupyterlab"], cwd=work, env=environment,
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                  start_new_session=True)  # Ctrl-C comes to us alone, and we stop the server
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_until_it_answers(server: subprocess.Popen, port: int, token: str, log: Path) -> None:
    """Return once `server` answers on `port` to our token; raise CourseError if it ends or takes too long."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise CourseError(f"JupyterLab could not start: read why in {log}, and if that does not help, "
                              "delete .venv and run `make lab` again.")
        if answers(port, token):
            return
        time.sleep(0.1)
    raise CourseError(f"JupyterLab did not answer on port {port} within {SECONDS_TO_START} s: try again when "
                      f"the machine is less busy, or read why in {log}.")


def answers(port: int, token: str) -> bool:
    """Return whether a Jupyter server that knows `token` answers on `port`."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/api/status", headers={"Authorization": f"token {token}"})
        return connection.getresponse().status == 200
    except OSError:  # not listening yet
        return False
    finally:
        connection.close()
