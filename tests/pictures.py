"""Take the README's pictures anew, in real JupyterLab: python tests/pictures.py

Writes pictures/mistake.png, a check that names a mistake, and pictures/explorer.png, an explorer after a few moves.
"""

import tempfile
from pathlib import Path

import browser
from lesson_files import ROOT
from test_browser import MISTAKES, filled

NAME = "02_activations"
WINDOW = {"width": 1180, "height": 1000}


def main() -> None:
    """Open lesson 02, type a wrong answer, move a slider, and picture both."""
    pictures = ROOT / "pictures"
    pictures.mkdir(exist_ok=True)
    with (tempfile.TemporaryDirectory() as folder, browser.lab(Path(folder)) as address, browser.browser() as chromium,
          chromium.new_context(viewport=WINDOW, device_scale_factor=1.5) as context):
        lesson = browser.Lesson(context.new_page(), NAME)
        lesson.open(address)
        lesson.menu("View", "Appearance", "Show Left Sidebar")
        lesson.run_all()
        explorer = lesson.explorers()[0]
        lesson.to_the_middle(explorer)
        for _ in range(15):
            lesson.move(explorer, lesson.sliders(explorer)[0])
        explorer.screenshot(path=pictures / "explorer.png")
        exercise, line, _ = MISTAKES[NAME]
        lesson.write(exercise, filled(NAME, exercise, line))
        lesson.run(exercise)
        lesson.run(f"check_{exercise}")
        top = lesson.cell(exercise).bounding_box()
        node = f"index => {browser.NOTEBOOK}.content.widgets[index].node"  # where it stands, without scrolling
        told = lesson.page.evaluate_handle(node, lesson.index(f"check_{exercise}")).as_element().bounding_box()
        lesson.page.screenshot(path=pictures / "mistake.png", clip={
            "x": top["x"], "y": top["y"], "width": top["width"],
            "height": told["y"] + told["height"] - top["y"]})


if __name__ == "__main__":
    main()
