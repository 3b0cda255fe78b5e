"""An instructor in real JupyterLab: grades a submission with formgrader's button, the written answer by hand."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request

import pytest
from browser import LONG, SOON, WINDOW, browser, free_port
from lesson_files import ROOT, graded, nbgrader, notebook
from nbgrader.api import Gradebook
from test_instructor_loop import answer

LESSON, LEARNER = "02_activations", "ada"
SWISH = "def gelu(x):\n    return x * torch.sigmoid(x)\n"


@pytest.fixture
def course(tmp_path):
    """A course folder with one submission: everything right but gelu, for which it has Swish."""
    folder = tmp_path / "course"
    shutil.copytree(ROOT / "solutions" / LESSON, folder / "solutions" / LESSON)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    nbgrader("generate_assignment", LESSON, "--force", cwd=folder)
    handed_in = folder / "submitted" / LEARNER / LESSON
    handed_in.mkdir(parents=True)
    shutil.copy(ROOT / "notebooks" / LESSON / f"{LESSON}.ipynb", handed_in)
    solution = notebook(ROOT, "solutions", LESSON)
    for cell in solution.cells:
        if graded(cell).get("grade_id") == "gelu":
            cell.source = SWISH
        if graded(cell).get("grade_id") == "why_relu":
            cell.source += "\n\n<script>window.top.cracked = true</script>"
    answer(handed_in / f"{LESSON}.ipynb", solution)
    return folder


@contextlib.contextmanager
def jupyterlab(folder):
    """JupyterLab in an instructor's course folder; yields its address."""
    port, own = free_port(), folder.parent / "jupyter"
    settings = own / "exposed" / "jupyter_server_config.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"ServerApp": {"root_dir": str(folder)}}))
    quiet = settings.parent / "labconfig" / "page_config.json"
    quiet.parent.mkdir()
    quiet.write_text(json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}))
    environment = os.environ | {"JUPYTER_CONFIG_PATH": str(settings.parent)} | {name: str(own / name.lower()) for name in (
        "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR",
        "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}",
               "--ServerApp.port_retries=0", "--IdentityProvider.token=secret"]
    with open(folder.parent / "jupyterlab.log", "wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/api/status?token=secret")
        yield f"{address}/lab?token=secret&reset"
    finally:
        server.terminate()
        server.wait(30)


def wait_for(address):
    """Return once something answers there."""
    for _ in range(300):
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(address, timeout=5):
                return
        time.sleep(0.2)
    raise AssertionError(f"nothing answers at {address}")


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.xdist_group("browser")
def test_formgraders_button_grades_in_the_sandbox_and_the_written_answer_is_graded_by_hand(course, artefacts):
    with jupyterlab(course) as address, browser() as chromium:
        page = chromium.new_page(viewport=WINDOW)
        page.set_default_timeout(SOON)
        page.goto(address)
        page.locator(".lm-MenuBar-item", has_text=re.compile("^Nbgrader$")).click()
        page.locator('.lm-Menu-item[data-command="nbgrader:open-formgrader"]').click()
        form = page.frame_locator("iframe")

        form.locator(".num-submissions a").click()
        form.locator(".autograde a").click()
        form.locator("#success-modal").wait_for(timeout=LONG)
        assert "Successfully autograded" in form.locator("#success-modal").inner_text()
        page.screenshot(path=artefacts / "formgrader_autograded.png")
        form.locator("#success-modal button.btn-primary, #success-modal .btn").last.click()
        assert scores(course)["check_gelu"] < 2 and scores(course)["check_relu"] == 2

        form.get_by_role("link", name="Manual Grading").click()
        form.get_by_role("link", name=LESSON).first.click()
        form.get_by_role("link", name=LESSON).last.click()
        form.get_by_role("link", name=re.compile("Submission #1")).click()
        form.locator("#why_relu.score").fill("4")
        form.locator("#why_relu.score").press("Tab")
        form.locator(".score-saved:visible").first.wait_for()
        page.screenshot(path=artefacts / "formgrader_written.png")
        assert form.get_by_text("This is Swish").first.is_visible()
        assert page.evaluate("window.cracked === undefined")
        wait_until(lambda: scores(course)["why_relu"] == 4)

        form.get_by_role("link", name="Manual Grading").click()
        form.get_by_role("link", name="Manage Assignments").click()
        form.locator(".num-submissions a").click()
        form.locator(".generate-feedback a").click()
        form.locator("#success-modal").wait_for(timeout=LONG)

        pages = list((course / "feedback" / LEARNER / LESSON).glob("*.html"))
        assert [path.name for path in pages] == [f"{LESSON}.html"]
        feedback = chromium.new_page(viewport=WINDOW)
        feedback.goto(pages[0].as_uri())
        feedback.get_by_text("This is Swish").first.scroll_into_view_if_needed()
        feedback.screenshot(path=artefacts / "feedback.png")
        assert feedback.evaluate("window.top.cracked === undefined")
    assert "<script>window.top" not in pages[0].read_text()
    seed = json.loads((course / "records" / LESSON / f"{LEARNER}.json").read_text())["seed"]
    assert str(seed) not in pages[0].read_text()


def scores(course) -> dict[str, float]:
    """Each cell's points in the gradebook."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "dlcourse") as gradebook:
        submission = gradebook.find_submission_notebook(LESSON, LESSON, LEARNER)
        return {grade.name: grade.score for grade in submission.grades}


def wait_until(holds):
    """Return once holds() is true; formgrader saves a score after the key was pressed."""
    for _ in range(100):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come true")
