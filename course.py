#!/usr/bin/env python3
"""Make the course's environment and run one of its commands in it: python3 course.py lab

Only the standard library is used, and nothing newer than Python 3.6 understands, so that an old Python
can say which one is wanted. The Makefile calls this file and adds nothing.
"""
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
STAMP = os.path.join(VENV, "course.stamp")
LOG = os.path.join(VENV, "course.log")
OLDEST = (3, 11)

USAGE = """\
usage: python3 course.py COMMAND [arguments passed on]

  lab       open the lessons in JupyterLab (--port N, --no-browser)
  test      run the tests; --fast, or FAST=1, leaves the slow ones out
  lessons   build the lessons' notebooks from solutions/ (all, or those named)
  bench     time every lesson: seconds, memory, slowest check
  demo      let a simulated class take a lesson, from release to report (--learners N)
  bench-grading
            grade the same submissions with nbgrader alone and with the course (--submissions N)
  setup     make or update the environment in .venv and do nothing else"""

# What pip says when no package index answers, in the words of urllib3 and of the operating systems.
OFFLINE = ("NewConnectionError", "Failed to establish a new connection", "ConnectTimeoutError",
           "Temporary failure in name resolution", "Name or service not known", "getaddrinfo failed",
           "Network is unreachable", "ProxyError", "Read timed out", "Connection refused")
DISK_FULL = ("No space left on device", "Errno 28", "not enough space on the disk")
NOT_ALLOWED = ("Permission denied", "Read-only file system", "Access is denied")
ALMOST_NOTHING = 20 * 2**20  # bytes; with less than this free, a failed install failed for want of room


class Stop(Exception):
    """Work cannot go on; the message is one sentence that tells the person what to do."""


def wrong_version(version_info):
    """Return the sentence for a Python older than the oldest one supported, or None where it will do."""
    if tuple(version_info[:2]) >= OLDEST:
        return None
    return ("The course needs Python 3.11 or newer and this is Python {}.{}: install a newer one and name "
            "it, as in `python3.12 course.py lab` or `make lab PYTHON=python3.12`.".format(*version_info[:2]))


def no_room():
    """Return the Stop for a full disk."""
    return Stop("The disk is full: free about 4 GB for {} (and 2 GB where temporary files go, if that is "
                "another disk), then run the same command again.".format(VENV))


def not_allowed():
    """Return the Stop for a folder that cannot be written to."""
    return Stop("{} cannot be written to: move the course to a folder of your own, or ask for write "
                "permission there.".format(ROOT))


def check_python():
    """Raise Stop unless this Python is new enough and can make virtual environments."""
    sentence = wrong_version(sys.version_info)
    if sentence:
        raise Stop(sentence)
    try:
        import venv  # noqa: F401
        from ensurepip import version  # noqa: F401
    except ImportError:  # Debian and Ubuntu ship these two apart from Python
        raise Stop("This Python cannot make virtual environments: install what is missing, on Debian and "
                   "Ubuntu with `sudo apt install python{}.{}-venv`, then run the same command again."
                   .format(*sys.version_info))


def fingerprint():
    """Return what the environment depends on as one hash: both lists, this folder and this Python."""
    digest = hashlib.sha256("{} {}.{}".format(ROOT, *sys.version_info).encode())
    for name in ("pyproject.toml", "constraints.txt"):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def is_ready(wanted):
    """Return whether .venv was finished for exactly this fingerprint."""
    if not (os.path.exists(STAMP) and os.path.exists(PYTHON)):
        return False
    with open(STAMP) as file:
        return file.read().strip() == wanted


def is_usable():
    """Return whether .venv, of whatever origin, can be adopted: it has pip and a new enough Python."""
    probe = "import pip, sys; sys.exit(sys.version_info[:2] < {})".format(OLDEST)
    try:
        return subprocess.call([PYTHON, "-c", probe],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:  # not there, a link to a Python that is gone, or a file cut off half way
        return False


def run(command):
    """Run `command` in the course's folder; return (exit status, everything that it printed)."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def is_full():
    """Return whether next to nothing can be written here or where temporary files go."""
    try:
        folders = (ROOT, tempfile.gettempdir())
    except FileNotFoundError:  # what gettempdir raises when no folder takes even one byte
        return True
    return min(shutil.disk_usage(folder).free for folder in folders) < ALMOST_NOTHING


def failure(doing, printed):
    """Return the Stop for a failed step of the set-up from what it printed."""
    if any(words in printed for words in DISK_FULL) or is_full():
        return no_room()
    if any(words in printed for words in NOT_ALLOWED):
        return not_allowed()
    if any(words in printed for words in OFFLINE):
        return Stop("pip reached no package index: connect to the internet and run the same command again "
                    "(pip's own words are in {}).".format(LOG))
    said = [line.strip() for line in printed.splitlines() if line.strip()] or ["nothing was printed"]
    errors = [line[len("ERROR: "):] for line in said if line.startswith("ERROR: ")]
    return Stop("{} failed with \u201c{}\u201d: read {}, put that right and run the same command again."
                .format(doing, (errors or said)[-1].rstrip("."), LOG))


def step(doing, command):
    """Run one step of the set-up, add what it printed to the log; raise Stop where it failed."""
    status, printed = run(command)
    with open(LOG, "a", encoding="utf-8") as log:
        log.write(printed)
    if status:
        raise failure(doing, printed)


def make_environment():
    """Make .venv whole for this fingerprint: create it or adopt what is there, install, and stamp it last."""
    wanted = fingerprint()
    if is_ready(wanted):
        return
    if not os.path.isdir(VENV):
        os.mkdir(VENV)
    if os.path.exists(STAMP):
        os.remove(STAMP)
    with open(LOG, "w"):
        pass  # shows at once whether we may write here, and begins a fresh log
    if not is_usable():
        say("Making a virtual environment in .venv")
        maker = getattr(sys, "_base_executable", None) or sys.executable  # not .venv's own: that is cleared
        step("Making .venv", [maker, "-m", "venv", "--clear", VENV])
    say("Installing the course and what it needs into .venv (minutes the first time)")
    pip = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "-c", "constraints.txt",
           "--retries", "3"]  # with none pip does not say that it reached nobody
    step("Installing", pip + ["setuptools"])
    # With setuptools there already, an environment that has everything is brought up to date offline.
    step("Installing", pip + ["--no-build-isolation", "-e", ".[test]"])
    with open(STAMP, "w") as file:
        file.write(wanted + "\n")


def set_up():
    """Check this Python and make the environment; raise Stop with a sentence where that cannot be done."""
    check_python()
    try:
        make_environment()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT if hasattr(errno, "EDQUOT") else errno.ENOSPC):
            raise no_room()
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise not_allowed()
        raise


def missing_programs():
    """Return the system packages that the tests need and this machine lacks."""
    wanted = {"chromium": ("chromium", "chromium-browser", "google-chrome"), "bubblewrap": ("bwrap",)}
    return [package for package, names in wanted.items() if not any(shutil.which(name) for name in names)]


def ensure_programs():
    """Install what missing_programs() names where we are root on Debian; else say that tests will fail."""
    missing = missing_programs()
    if not missing:
        return
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        say("Installing {} with apt-get".format(" and ".join(missing)))
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq"] + missing):
            run(command)
        missing = missing_programs()
    if missing:
        say("The tests that need {0} will fail: install {0} with your system's package manager, as in "
            "`sudo apt install {0}`.".format(" ".join(missing)))


def pytest_arguments(arguments, environ):
    """Return pytest's command line: two workers, and the slow tests left out for --fast or FAST=1."""
    fast = "--fast" in arguments or environ.get("FAST", "") not in ("", "0")
    rest = [argument for argument in arguments if argument != "--fast"]
    return (["-m", "pytest", "-n", "2", "--dist", "loadgroup", "--durations", "10"]
            + (["-m", "not slow"] if fast else []) + rest)


def command_line(name, arguments):
    """Return what the environment's Python is given to run the command called `name`."""
    if name == "test":
        return pytest_arguments(arguments, os.environ)
    return {"lab": ["-m", "dlcourse.cli", "lab"],
            "lessons": ["-m", "dlcourse.cli", "build"],
            "bench": [os.path.join("tests", "bench.py")],
            "demo": [os.path.join("tests", "demo.py")],
            "bench-grading": [os.path.join("tests", "bench_grading.py")]}[name] + arguments


def hand_over(arguments):
    """Become the environment's Python, so that signals and the exit status are its own."""
    os.chdir(ROOT)
    os.environ["VIRTUAL_ENV"] = VENV
    os.environ["PATH"] = os.path.dirname(PYTHON) + os.pathsep + os.environ.get("PATH", os.defpath)
    sys.stdout.flush()
    if os.name == "nt":  # exec there returns to the prompt while the new process still runs
        sys.exit(subprocess.call([PYTHON] + arguments))
    os.execv(PYTHON, [PYTHON] + arguments)


def say(line):
    """Print one line now, also into a pipe."""
    print(line, flush=True)


def main(arguments):
    """Run the command that `arguments` begin with; return an exit status where it did not take over."""
    names = ("lab", "test", "lessons", "bench", "demo", "bench-grading", "setup")
    if not arguments or arguments[0] not in names:
        asked = bool(arguments) and arguments[0] in ("-h", "--help", "help")
        print(USAGE, file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 2
    try:
        set_up()
        if arguments[0] == "setup":
            say("The environment in .venv is ready.")
            return 0
        if arguments[0] == "test":
            ensure_programs()
    except Stop as stop:
        print(stop, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped before it was finished: run the same command again to go on.", file=sys.stderr)
        return 130
    return hand_over(command_line(arguments[0], arguments[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
