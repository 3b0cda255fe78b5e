"""Setting the course up: what works does so twice, and what cannot work is told in one sentence."""

import ast
import http.client
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import nbformat
import pytest

from dlcourse.cli import main
from dlcourse import progress
from dlcourse.course import START, CourseError
from dlcourse.lab import NOT_FOR_LEARNERS, copy_lessons, first_page

ROOT = Path(__file__).resolve().parents[1]
LESSON = "02_activations"
NO_INDEX = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
            "PIP_NO_CACHE_DIR": "1", "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}
# Root may write anywhere, so a plain chmod would not stop it: these wrappers make the refusals real.
READ_ONLY = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
NO_PERMISSION = ["bwrap", "--dev-bind", "/", "/", "--unshare-user", "--uid", "1000", "--gid", "1000",
                 "--cap-drop", "ALL"]


@pytest.fixture
def checkout(tmp_path):
    """A copy of the repository with one small released lesson and no environment."""
    folder = tmp_path / "course"
    shutil.copytree(ROOT / "dlcourse", folder / "dlcourse", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "binder", folder / "binder")
    for name in ("course.py", "pyproject.toml", "constraints.txt", "Makefile"):
        shutil.copy(ROOT / name, folder / name)
    release(folder, LESSON, "1 + 1")
    return folder


@pytest.fixture
def furnished(checkout):
    """A checkout whose .venv was made by other means, without a stamp, and can import all that ours can."""
    subprocess.run([sys._base_executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    inside = sysconfig.get_path("purelib", vars={"base": str(checkout / ".venv")})
    (Path(inside) / "ours.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return checkout


def release(root, name, source):
    """Write notebooks/<name>/<name>.ipynb with one code cell."""
    path = root / "notebooks" / name / f"{name}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), path)


def add_line(path, line):
    """Add `line` to the end of the file `path`."""
    path.write_text(f"{path.read_text()}{line}\n")


def course(root, *arguments, wrapper=(), **environment):
    """Run `course.py` of the checkout at `root` and return the finished process."""
    return run([*wrapper, sys.executable, str(root / "course.py"), *arguments], root, **environment)


def dlcourse(root, *arguments, wrapper=(), **environment):
    """Run the `dlcourse` command with the package of the checkout at `root`."""
    return run([*wrapper, sys.executable, "-m", "dlcourse.cli", *arguments], root, **environment)


def run(command, root, **environment):
    """Run `command` in `root` and return the finished process."""
    return subprocess.run(command, cwd=root, env=os.environ | environment, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, capture_output=True)


def only_sentence(done):
    """Return what the process `done` said on stderr, which must be one sentence, with exit status 1."""
    assert done.returncode == 1, (done.stdout, done.stderr)
    said = done.stderr.strip()
    assert said.endswith(".") and "\n" not in said and "Traceback" not in said, said
    return said


def script_of(root):
    """Import the course.py of the checkout at `root`, so that it works on that folder."""
    spec = importlib.util.spec_from_file_location("course_script", root / "course.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def free_port():
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path, token=None):
    """Return (status, headers, body) of a GET request to this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Authorization": f"token {token}"} if token else {})
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


def is_listening(port):
    """Return whether anything accepts a connection on `port`."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def descendants(pid):
    """Return the process ids of all that `pid` started and what those started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [each for child in listed for each in (int(child), *descendants(int(child)))]


def is_alive(pid):
    """Return whether the process `pid` still runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition, seconds=60):
    """Return the first true value of `condition()`; fail when `seconds` have gone by."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {condition}")


def printed_address(output):
    """Return (port, token) of the address in the file `output`, once it has been printed."""
    found = wait_for(lambda: re.search(r"http://127\.0\.0\.1:(\d+)/lab[^?\s]*\?token=(\S+)\n", output.read_text()))
    return int(found[1]), found[2]


def test_an_old_python_is_told_which_one_is_wanted():
    said = script_of(ROOT).wrong_version((3, 9, 18, "final", 0))
    assert "Python 3.11 or newer" in said and "this is Python 3.9" in said and "PYTHON=python3.12" in said
    assert script_of(ROOT).wrong_version((3, 10)) and not script_of(ROOT).wrong_version((3, 11, 0))
    assert not script_of(ROOT).wrong_version((4, 0))


def test_an_old_python_can_read_the_script_that_tells_it():
    ast.parse((ROOT / "course.py").read_text(), feature_version=(3, 6))


def test_a_python_without_ensurepip_is_told_the_package_to_install(checkout):
    folder = Path(importlib.util.find_spec("ensurepip").origin).parent
    hidden = ["bwrap", "--dev-bind", "/", "/", "--tmpfs", folder]
    said = only_sentence(course(checkout, "setup", wrapper=hidden))
    assert "sudo apt install python3." in said and "-venv" in said
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("wrapper", [READ_ONLY, NO_PERMISSION], ids=["read-only disk", "no permission"])
def test_a_folder_that_cannot_be_written_to_is_named(checkout, wrapper):
    checkout.chmod(0o555)
    for said in (only_sentence(course(checkout, "lab", wrapper=wrapper)),
                 only_sentence(dlcourse(checkout, "lab", "--no-browser", wrapper=wrapper))):
        assert str(checkout) in said and "cannot be written to" in said and "permission" in said


def test_a_full_disk_is_called_full(checkout, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    inside = ["bwrap", "--dev-bind", "/", "/", "--size", str(3 * 2**20), "--tmpfs", str(small), "sh", "-c",
              'cp -r "$0/." "$1" && "$2" "$1/course.py" setup', str(checkout), str(small), sys.executable]
    said = only_sentence(run(inside, tmp_path))
    assert said.startswith("The disk is full") and "GB" in said


def test_a_full_disk_for_temporary_files_is_called_full(furnished, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    one_page = ["bwrap", "--dev-bind", "/", "/", "--size", "8192", "--tmpfs", str(small)]
    said = only_sentence(course(furnished, "setup", wrapper=one_page, TMPDIR=str(small), **NO_INDEX))
    assert said.startswith("The disk is full") and "temporary files" in said


@pytest.mark.slow
def test_without_an_index_the_log_is_named_and_no_half_made_environment_counts_as_whole(checkout):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").write_text("cut off")
    for _ in range(2):
        said = only_sentence(course(checkout, "lab", **NO_INDEX))
        assert "no package index" in said and str(checkout / ".venv" / "course.log") in said
        assert "Connection refused" in (checkout / ".venv" / "course.log").read_text()
        assert not (checkout / ".venv" / "course.stamp").exists()


def test_what_pip_cannot_install_is_quoted(furnished):
    project = furnished / "pyproject.toml"
    project.write_text(project.read_text().replace('"tqdm>', '"dlcourse-has-no-such-part", "tqdm>'))
    said = only_sentence(course(furnished, "setup", **NO_INDEX, PIP_NO_INDEX="1"))
    assert "No matching distribution found for dlcourse-has-no-such-part" in said and "course.log" in said


@pytest.mark.slow
def test_an_environment_made_by_hand_is_adopted_offline_and_then_ready_at_once(furnished):
    done = course(furnished, "setup", **NO_INDEX)
    assert done.returncode == 0, done.stderr
    assert "Making" not in done.stdout and "Installing" in done.stdout
    python = furnished / ".venv" / "bin" / "python"
    lies = run([python, "-P", "-c", "import dlcourse; print(dlcourse.__file__)"], furnished.parent)
    assert lies.stdout.strip() == str(furnished / "dlcourse" / "__init__.py")

    seconds = []
    for _ in range(3):  # the quickest counts: other tests share this machine
        begun = time.monotonic()
        assert "Installing" not in course(furnished, "setup", **NO_INDEX).stdout
        seconds.append(time.monotonic() - begun)
    assert min(seconds) < 1

    add_line(furnished / "pyproject.toml", "# changed")
    assert "Installing" in course(furnished, "setup", **NO_INDEX).stdout


def test_an_environment_is_ready_only_for_the_lists_and_the_folder_it_was_made_for(furnished):
    script = script_of(furnished)
    Path(script.STAMP).write_text(script.fingerprint())
    assert script.is_ready(script.fingerprint())
    add_line(furnished / "constraints.txt", "more==1")
    assert not script.is_ready(script.fingerprint())

    Path(script.STAMP).write_text(script.fingerprint())
    moved = script_of(furnished.rename(furnished.with_name("moved")))
    assert not moved.is_ready(moved.fingerprint())


def test_fast_leaves_the_slow_tests_out_however_it_is_asked():
    arguments = script_of(ROOT).pytest_arguments
    assert "not slow" in arguments(["--fast"], {}) and "not slow" in arguments([], {"FAST": "1"})
    assert "not slow" not in arguments([], {}) and "not slow" not in arguments([], {"FAST": "0"})
    assert arguments(["--fast", "-k", "gelu"], {})[-2:] == ["-k", "gelu"]


@pytest.mark.slow
def test_a_run_that_finds_no_test_fails_and_ends_with_pytests_own_summary(furnished):
    script = script_of(furnished)
    Path(script.STAMP).write_text(script.fingerprint())
    (furnished / "tests").mkdir()
    done = course(furnished, "test")
    assert done.returncode == 5
    assert "no tests ran" in done.stdout.strip().splitlines()[-1]


def test_missing_system_programs_are_named_where_we_may_not_install_them(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    script_of(ROOT).ensure_programs()
    said = capsys.readouterr().out.strip()
    assert "sudo apt install chromium bubblewrap" in said and "will fail" in said and "\n" not in said


def test_missing_system_programs_are_installed_where_we_may(monkeypatch, tmp_path, capsys):
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\ncd {tmp_path}; [ "$1" = install ] || exit 0\nfor program in chromium bwrap\n'
                   'do printf "#!/bin/sh\\n" > $program; /bin/chmod +x $program; done\n')
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    script_of(ROOT).ensure_programs()
    assert capsys.readouterr().out == "Installing chromium and bubblewrap with apt-get\n"
    assert not script_of(ROOT).missing_programs()


def test_an_unknown_command_shows_how_the_script_is_used():
    done = course(ROOT, "lba")
    assert done.returncode == 2 and "usage: python3 course.py" in done.stderr
    assert course(ROOT, "--help").returncode == 0


def test_make_alone_lists_its_targets():
    listed = run(["make"], ROOT).stdout
    for target in ("lab", "test", "lessons", "bench", "demo", "bench-grading"):
        assert f"make {target}" in listed


def test_importing_the_package_costs_next_to_nothing():
    probe = ("import sys, time; before = time.perf_counter(); import dlcourse; "
             "print(time.perf_counter() - before, *{name.split('.')[0] for name in sys.modules})")
    seconds, *modules = run([sys.executable, "-c", probe], ROOT).stdout.split()
    assert "dlcourse" in modules and float(seconds) < 0.1
    assert not {"torch", "numpy", "matplotlib", "ipywidgets", "sklearn", "nbformat"} & set(modules)


def test_lessons_are_copied_where_there_are_none_and_never_over_an_answer(tmp_path):
    release(tmp_path, LESSON, "one")
    assert copy_lessons(tmp_path) == [LESSON]
    answer = tmp_path / "work" / LESSON / f"{LESSON}.ipynb"
    assert answer.read_bytes() == (tmp_path / "notebooks" / LESSON / f"{LESSON}.ipynb").read_bytes()

    answer.write_text("mine")
    release(tmp_path, "03_gradients", "two")
    assert copy_lessons(tmp_path) == ["03_gradients"]
    assert answer.read_text() == "mine"
    assert copy_lessons(tmp_path) == []
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == [progress.FILE, LESSON, "03_gradients"]


def test_the_start_page_is_copied_with_the_lessons_and_is_what_opens_first(tmp_path):
    release(tmp_path, LESSON, "one")
    copy_lessons(tmp_path)
    assert first_page(tmp_path / "work") == "/lab"
    release(tmp_path, START, "welcome")
    assert copy_lessons(tmp_path) == [START]
    assert first_page(tmp_path / "work") == f"/lab/tree/{START}/{START}.ipynb"


def test_a_lesson_the_learner_emptied_or_linked_is_left_as_it_is(tmp_path):
    release(tmp_path, LESSON, "one")
    release(tmp_path, "03_gradients", "two")
    (tmp_path / "work" / LESSON).mkdir(parents=True)
    (tmp_path / "work" / "03_gradients").symlink_to(tmp_path / "elsewhere")
    assert copy_lessons(tmp_path) == []
    assert not any((tmp_path / "work" / LESSON).iterdir())


def test_a_copy_that_breaks_off_leaves_nothing_behind(tmp_path, monkeypatch):
    release(tmp_path, LESSON, "one")

    def broken(source, target):
        Path(target).write_text("ha")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copy2", broken)
    monkeypatch.setattr(shutil.copytree, "__defaults__", (False, None, broken, False, False))
    with pytest.raises(CourseError, match="cannot be written to|disk is full"):
        copy_lessons(tmp_path)
    assert not any((tmp_path / "work").iterdir())


def test_a_work_folder_that_is_a_file_is_told_in_a_sentence(checkout):
    (checkout / "work").write_text("not a folder")
    assert str(checkout / "work") in only_sentence(dlcourse(checkout, "lab", "--no-browser"))


def test_a_course_without_lessons_says_how_to_build_them(checkout):
    shutil.rmtree(checkout / "notebooks")
    assert "make lessons" in only_sentence(dlcourse(checkout, "lab", "--no-browser"))


def test_a_taken_port_is_named_with_the_way_to_another(checkout):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = only_sentence(dlcourse(checkout, "lab", "--no-browser", "--port", str(port)))
    assert f"Port {port} is taken" in said and "make lab PORT=" in said and "--port" in said


@pytest.mark.parametrize("text", ["0", "65536", "-1", "lab"])
def test_what_is_no_port_is_refused(text, capsys):
    with pytest.raises(SystemExit):
        main(["lab", f"--port={text}"])
    assert f"{text} is no port" in capsys.readouterr().err


@pytest.mark.slow
def test_building_an_unknown_lesson_is_told_in_a_sentence(checkout):
    assert "99_no_such_lesson" in only_sentence(dlcourse(checkout, "build", "99_no_such_lesson"))


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
def test_jupyterlab_answers_on_the_printed_address_and_is_gone_afterwards(checkout, tmp_path, ending):
    port, output = free_port(), tmp_path / "output"
    with output.open("w") as file:
        command = [sys.executable, "-m", "dlcourse.cli", "lab", "--no-browser", "--port", str(port)]
        lab = subprocess.Popen(command, cwd=checkout, stdout=file, stderr=file)
    try:
        asked, token = printed_address(output)
        started = descendants(lab.pid)
        assert asked == port and started
        status, _, page = get(port, f"/lab?token={token}")
        assert status == 200 and "JupyterLab" in page
        disabled = re.search(r'"disabledExtensions": (\[[^]]*\])', page)
        assert set(NOT_FOR_LEARNERS) <= set(json.loads(disabled[1]))
        status, _, listing = get(port, "/api/contents", token)
        assert status == 200 and [entry["name"] for entry in json.loads(listing)["content"]] == [LESSON]
        assert get(port, "/api/contents", "wrong")[0] == 403
    finally:
        lab.send_signal(ending)
        status = lab.wait(30)
    assert status == 0
    assert not is_listening(port) and not any(map(is_alive, started))
    said = output.read_text().splitlines()
    assert said[0] == f"Copied into work/: {LESSON}." and said[-1].startswith("JupyterLab has ended")
    assert len(said) == 4, said


@pytest.mark.slow
def test_make_lab_opens_the_browser_on_the_address_and_leaves_nothing_running(furnished, tmp_path):
    browser, output, port = tmp_path / "browser", tmp_path / "output", free_port()
    release(furnished, START, "welcome")
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    command = ["make", "lab", f"PORT={port}", f"PYTHON={sys.executable}"]
    environment = os.environ | NO_INDEX | {"BROWSER": str(browser)}
    with output.open("w") as file:
        make = subprocess.Popen(command, cwd=furnished, stdout=file, stderr=file, env=environment)
    try:
        _, token = printed_address(output)
        started = descendants(make.pid)
        assert get(port, "/api/contents", token)[0] == 200
        opened, page = tmp_path / "opened", f"/lab/tree/{START}/{START}.ipynb"
        wait_for(opened.exists)
        wait_for(lambda: opened.read_text() == f"http://127.0.0.1:{port}{page}?token={token}\n")
        status, _, html = get(port, f"{page}?token={token}")
        assert status == 200 and "JupyterLab" in html
    finally:
        make.terminate()
        make.wait(30)
    wait_for(lambda: not is_listening(port) and not any(map(is_alive, started)), 20)
    assert "Traceback" not in output.read_text()


@pytest.mark.slow
def test_binder_prepares_the_lessons_and_the_record_and_opens_jupyterlab_on_the_start_page(furnished, tmp_path):
    release(furnished, START, "welcome")
    python = furnished / ".venv" / "bin" / "python"
    environment = NO_INDEX | {"PATH": f"{python.parent}:{os.environ['PATH']}", "HOME": str(tmp_path),
                              "PIP_NO_BUILD_ISOLATION": "0"}
    done = run([furnished / "binder" / "postBuild"], furnished, **environment)
    assert done.returncode == 0, done.stderr
    assert (furnished / "work" / LESSON / f"{LESSON}.ipynb").exists()
    assert (furnished / "work" / progress.FILE).exists()

    port = free_port()
    command = [python, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
               "--ServerApp.token=binder"]
    with subprocess.Popen(command, cwd=furnished, env=os.environ | environment,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(lambda: is_listening(port))
            _, headers, _ = get(port, "/", "binder")
            assert headers["Location"].startswith(f"/lab/tree/{START}/{START}.ipynb")
            listing = json.loads(get(port, "/api/contents", "binder")[2])
            assert sorted(entry["name"] for entry in listing["content"]) == [START, LESSON]
        finally:
            server.terminate()
