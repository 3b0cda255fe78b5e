"""A lesson in real JupyterLab in a real browser: start both, and do what a learner does with mouse and keys.

JupyterLab is `dlcourse lab` itself on a copy of the lessons, with one thing added: it shows its application
to the page as `window.jupyterapp`, so that a cell can be found by name and its state read. Whatever a learner
does is done as a learner does it, with events from the mouse and the keyboard.
"""
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from lesson_files import ROOT
from playwright.sync_api import Browser, ElementHandle, Page, TimeoutError, sync_playwright

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
NO_CHROMIUM = ("The browser tests drive Chromium and found none: install it, on Debian and Ubuntu with "
               "`sudo apt install chromium`, then run the tests again.")
WINDOW = {"width": 1280, "height": 900}
SOON, LONG = 60_000, 240_000  # milliseconds for the page to follow a click; for a lesson to run to its end
NOTEBOOK = "window.jupyterapp.shell.currentWidget"  # the notebook in the front tab, in the page's own words

CELLS = f"""() => {NOTEBOOK}.content.widgets.map(({{model}}) => {{
    const outputs = model.type == "code" ? model.outputs.toJSON() : [];
    return {{
        type: model.type, source: model.sharedModel.getSource(),
        grade_id: model.getMetadata("nbgrader")?.grade_id ?? null, ran: Boolean(window.ran?.has(model.id)),
        errors: outputs.filter(output => output.output_type == "error").map(output => output.ename),
        shows: outputs.flatMap(output => Object.keys(output.data ?? {{}})),
        text: outputs.map(output => [output.text ?? ""].flat().join("")).join("")
    }};
}})"""

# From here on window.ran holds the id of each code cell that the kernel has answered.
WATCH_RUNS = f"""() => {{
    window.ran = new Set();
    window.looks = 0;
    if (!window.watching) {NOTEBOOK}.sessionContext.statusChanged.connect(() => {{ window.looks = 0; }});
    window.watching = true;
    for (const cell of {NOTEBOOK}.content.widgets.filter(cell => !cell.watched)) {{
        cell.watched = true;
        cell.model.stateChanged.connect((model, change) => {{
            if (change.name == "executionCount" && change.newValue) window.ran.add(model.id);
        }});
    }}
}}"""

# A run has ended when the kernel rests and all the cells wanted have run; or when, fifty looks in a row, it
# has rested with some of them run, for then JupyterLab has given up on the others, as it does where a cell
# fails. Looks are counted, not seconds, because a busy page may do nothing for seconds.
RUN_ENDED = f"""ids => {{
    const rests = {NOTEBOOK}.sessionContext.session?.kernel?.status == "idle"
        && {NOTEBOOK}.content.widgets.every(({{model}}) => model.executionState != "running");
    window.looks = rests && window.ran.size ? window.looks + 1 : 0;
    return rests && (ids.every(id => window.ran.has(id)) || window.looks > 50);
}}"""
IDS = f"""index => {NOTEBOOK}.content.widgets
    .filter((cell, i) => cell.model.type == "code" && cell.model.sharedModel.getSource().trim()
                         && (index === null || i == index)).map(cell => cell.model.id)"""

# window.change resolves to the milliseconds from the next key press until the explorer has painted another
# picture, or to null where that has not come after `limit` milliseconds.
PICTURE_CHANGES = """(explorer, limit) => { window.change = new Promise(resolve => {
    const before = explorer.querySelector("img").src;
    let pressed = null;
    document.addEventListener("keydown", () => { pressed = performance.now(); }, {capture: true, once: true});
    const watch = new MutationObserver(async () => {
        const image = explorer.querySelector("img");
        if (!image || image.src == before) return;
        watch.disconnect();
        await image.decode();
        requestAnimationFrame(() => resolve(performance.now() - pressed));
    });
    watch.observe(explorer, {subtree: true, childList: true, attributes: true});
    setTimeout(() => { watch.disconnect(); resolve(null); }, limit);
}); return null; }"""


def chromium() -> str:
    """Return the path of the system's Chromium; raises AssertionError, with what to install, without one."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert path, NO_CHROMIUM
    return path


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Headless Chromium with a fresh profile, closed at the end."""
    path = chromium()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=QUIET)
        try:
            yield opened
        finally:
            opened.close()


@contextlib.contextmanager
def lab(folder: Path, notebooks: Path = ROOT / "notebooks") -> Iterator[str]:
    """Run `dlcourse lab` on a copy of `notebooks` in `folder`; yield the address it prints, then end it.

    This user's own Jupyter settings are neither read nor written. Raises AssertionError with what the command
    said where it does not start.
    """
    shutil.copytree(notebooks, folder / "notebooks")
    settings = folder / "exposed" / "jupyter_server_config.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"LabApp": {"expose_app_in_browser": True}}))
    own = {name: str(folder / "jupyter" / name.lower()) for name in (
        "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR",
        "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")}
    start = ("import sys, pathlib, dlcourse.lab as lab; "
             "lab.lab(int(sys.argv[1]), browser=False, root=pathlib.Path(sys.argv[2]))")
    command = [sys.executable, "-u", "-c", start, str(free_port()), str(folder)]
    environment = os.environ | own | {"JUPYTER_CONFIG_PATH": str(settings.parent)}
    with subprocess.Popen(command, cwd=folder, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            yield printed_address(process)
        finally:
            process.terminate()
            process.communicate(timeout=60)


def printed_address(process: subprocess.Popen) -> str:
    """Read what `dlcourse lab` prints until its address comes, and return that."""
    said = ""
    for line in process.stdout:
        said += line
        if address := re.search(r"http://\S+", line):
            return address[0]
    raise AssertionError(f"`dlcourse lab` ended without an address:\n{said}")


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Lesson:
    """One lesson in a page of JupyterLab, in the front tab.

    page      playwright's Page
    name      the lesson's name, 02_activations
    said      what the browser's console said that is an error, in order, uncaught exceptions too
    """

    def __init__(self, page: Page, name: str):
        self.page, self.name, self.said = page, name, []
        page.set_default_timeout(SOON)
        page.on("console", lambda message: message.type == "error" and self.said.append(
            f"{message.text} [{message.location.get('url', '')}]"))
        page.on("pageerror", lambda error: self.said.append(f"uncaught: {error}"))

    def open(self, address: str) -> None:
        """Come in by the printed address and double-click through to the notebook, as a learner does."""
        files = re.sub(r"/lab/tree/[^?]*", "/lab", address)  # past the start page, to the list of lessons
        self.page.goto(f"{files}&reset")  # as on a first visit, whatever an earlier lesson left open
        for item in (self.name, f"{self.name}.ipynb"):
            self.page.locator(".jp-DirListing-item", has=self.page.get_by_text(item, exact=True)).dblclick()
        self.ready()

    def ready(self) -> None:
        """Return once the notebook in the front tab and its kernel are there."""
        self.page.wait_for_function(f"() => {NOTEBOOK}?.content?.widgets?.length > 1")
        self.page.wait_for_function(f"() => {NOTEBOOK}.sessionContext.session?.kernel?.status == 'idle'",
                                    timeout=LONG)
        self.page.evaluate(WATCH_RUNS)

    def menu(self, *path: str) -> None:
        """Choose from JupyterLab's menus, as in menu("Run", "Run All Cells")."""
        self.page.locator(".lm-MenuBar-item", has_text=re.compile(f"^{path[0]}$")).click()
        for label in path[1:]:
            self.page.locator(".lm-Menu-item", has=self.page.get_by_text(label, exact=True)).last.click()

    def run_all(self) -> None:
        """Run > Run All Cells; return when the kernel has nothing left to do, all cells run or not."""
        self.page.evaluate(WATCH_RUNS)
        self.menu("Run", "Run All Cells")
        self._wait_for_the_run(None)

    def _wait_for_the_run(self, index: int | None) -> None:
        """Return when the cell at `index`, or else every code cell, has run, or when the run was given up."""
        self.page.wait_for_function(RUN_ENDED, arg=self.page.evaluate(IDS, index), polling=100, timeout=LONG)

    def cells(self) -> list[dict]:
        """Every cell: type, source, grade_id (None if it has none); whether it `ran` in the last run; of its
        outputs the names of `errors`, the MIME types that it `shows` and the printed `text`."""
        return self.page.evaluate(CELLS)

    def index(self, name: str) -> int:
        """Where the cell stands whose grade_id is `name`, or else the first whose source holds `name`."""
        cells = self.cells()
        places = [i for i, cell in enumerate(cells) if cell["grade_id"] == name]
        places += [i for i, cell in enumerate(cells) if name in cell["source"]]
        assert places, f"{self.name} has no cell {name}"
        return places[0]

    def at(self, index: int) -> ElementHandle:
        """Scroll to the cell at `index` and return it."""
        content = f"{NOTEBOOK}.content"
        self.page.evaluate(f"async index => {{ await {content}.scrollToItem(index, 'start'); }}", index)
        found = self.page.evaluate_handle(f"index => {content}.widgets[index].node", index).as_element()
        found.wait_for_element_state("visible")
        return found

    def cell(self, name: str) -> ElementHandle:
        """Scroll to the cell `name` (see `index`) and return it."""
        return self.at(self.index(name))

    def source(self, name: str) -> str:
        """What stands in the cell `name`."""
        return self.cells()[self.index(name)]["source"]

    def write(self, name: str, source: str) -> None:
        """Click into the cell `name`, take out what stands there, and put `source` in."""
        self.cell(name).query_selector(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source)
        assert self.source(name) == source, f"the editor of {name} holds\n{self.source(name)}"

    def run(self, name: str) -> str:
        """Click into the cell `name`, press Ctrl-Enter, wait; return its output as a learner reads it."""
        self.page.evaluate(WATCH_RUNS)
        self.cell(name).query_selector(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        self._wait_for_the_run(self.index(name))
        return self.output(name).inner_text()

    def output(self, name: str) -> ElementHandle:
        """What stands under the cell `name`."""
        return self.cell(name).query_selector(".jp-OutputArea")

    def explorers(self, number: int) -> list[ElementHandle]:
        """The explorers that stand in the notebook, from the top; a busy page is given time to show `number`."""
        with contextlib.suppress(TimeoutError):
            self.page.wait_for_function("number => document.querySelectorAll('.jp-Notebook .dlcourse-explorer').length "
                                        ">= number", arg=number)
        return self.page.query_selector_all(".jp-Notebook .dlcourse-explorer")

    def sliders(self, explorer: ElementHandle) -> list[ElementHandle]:
        """The handles of an explorer's sliders."""
        return explorer.query_selector_all(".widget-slider [role=slider]")

    def disabled(self, slider: ElementHandle) -> bool:
        """Whether a slider does nothing for the present choice, and shows it."""
        return slider.evaluate("node => node.hasAttribute('disabled') "
                               "|| node.closest('.noUi-target').hasAttribute('disabled')")

    def choices(self, explorer: ElementHandle) -> Iterator[str]:
        """Choose each entry of an explorer's menu in turn, the present one first; yield its name."""
        menu = explorer.query_selector("select")
        names = menu.evaluate("menu => [...menu.options].map(option => option.text)") if menu else []
        yield menu.evaluate("menu => menu.selectedOptions[0].text") if menu else ""
        for name in names:
            explorer.evaluate(PICTURE_CHANGES, 2_000)
            menu.select_option(label=name)
            self.page.keyboard.press("Shift")
            self.page.evaluate("() => window.change")
            yield name

    def to_the_middle(self, element: ElementHandle) -> None:
        """Scroll until `element` stands in the middle of the window."""
        element.evaluate("async node => { node.scrollIntoView({block: 'center'}); "
                         "await new Promise(done => setTimeout(done, 300)); }")

    def move(self, explorer: ElementHandle, slider: ElementHandle) -> float:
        """Press an arrow key on a slider; return the milliseconds until its explorer shows another picture.

        Raises AssertionError where it still shows the same after ten seconds.
        """
        slider.scroll_into_view_if_needed()
        slider.focus()
        at_the_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
        explorer.evaluate(PICTURE_CHANGES, 10_000)
        self.page.keyboard.press("ArrowLeft" if at_the_end else "ArrowRight")
        milliseconds = self.page.evaluate("() => window.change")
        assert milliseconds is not None, f"{self.name}: a slider moved, its explorer's picture did not change"
        return milliseconds

    def tab_to(self, selector: str, key: str = "Tab") -> None:
        """Press Tab, or Shift+Tab, until what has the focus is `selector`'s; raises AssertionError if that never is."""
        for _ in range(40):
            self.page.keyboard.press(key)
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"{self.name}: no {key} leads to {selector}")

    def says(self, name: str, words: str) -> str:
        """Wait until what stands under the cell `name` has these words in it; return all of it."""
        output = self.output(name)
        self.page.wait_for_function("([node, words]) => node.innerText.includes(words)", arg=[output, words])
        return output.inner_text()

    def restart(self) -> None:
        """Kernel > Restart Kernel…, and yes."""
        self.menu("Kernel", "Restart Kernel…")
        self.close_dialog()
        self.page.wait_for_function(f"() => {NOTEBOOK}.sessionContext.session?.kernel?.status == 'idle'",
                                    timeout=LONG)

    def save(self) -> None:
        """Ctrl-S; return once what stands in the file is what stands on the screen."""
        self.page.keyboard.press("Control+s")
        self.page.wait_for_function(f"() => !{NOTEBOOK}.context.model.dirty")

    def validate(self) -> ElementHandle:
        """Press nbgrader's Validate in the toolbar; return the dialog that it answers with."""
        self.page.locator(".validate-button").get_by_text("Validate", exact=True).click()
        return self.page.wait_for_selector(".jp-Dialog-content", timeout=LONG)

    def close_dialog(self) -> None:
        """Answer the dialog that is open with its accepting button."""
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.page.wait_for_selector(".jp-Dialog", state="detached")

    def theme(self, name: str) -> None:
        """Settings > Theme > `name`, as in "JupyterLab Dark"."""
        self.menu("Settings", "Theme", name)
        self.page.wait_for_selector(f'body[data-jp-theme-name="{name}"]', state="attached")
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")

    def picture(self, path: Path) -> None:
        """Keep what the window shows as a PNG."""
        self.page.screenshot(path=path)
