"""The start page, and the way from one lesson to the next: every link leads somewhere, the map tells the truth."""

import io
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import browser
import pytest
from lesson_files import LESSONS, PAGES, ROOT, graded, notebook
from matplotlib.image import imread

from dlcourse import course, course_map, lessons, progress
from dlcourse.checks import start_here as check
from dlcourse.checks.verdict import CheckFailed

LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
WHOLE_HOURS = ("zero", "one", "two", "three", "four", "five", "six")
TERMS = {"Backpropagation": 1, "Epoch": 1, "Batch size": 1, "Learning rate": 1, "Overfitting": 6,
         "Vanishing gradient": 2, "Skip connection": 8, "Latent space": 9, "Fine-tuning": 8, "Inference": 1, "FLOPS": 1,
         "Throughput": 1}


def prose(name):
    """The markdown cells of a page's source, as they will be released."""
    return [cell.source for cell in lessons.read(name, ROOT).cells if cell.cell_type == "markdown"]


def page():
    """All the prose of the start page."""
    return "\n\n".join(prose(course.START))


def address(name, heading=""):
    """How a page is linked to from any other."""
    return f"../{name}/{name}.ipynb{heading}"


def way(name):
    """The links that a lesson must have: to its neighbours, the start page and the glossary, in that order."""
    at = LESSONS.index(name)
    before, after = LESSONS[max(at - 1, 0):at], LESSONS[at + 1:at + 2]
    return [*map(address, before + after), address(course.START), address(course.START, "#Glossary")]


@pytest.mark.parametrize("name", PAGES)
def test_every_link_of_a_released_page_to_another_leads_to_a_page_and_a_heading_that_are_there(name):
    text = "\n".join(cell.source for cell in notebook(ROOT, "notebooks", name).cells if cell.cell_type == "markdown")
    links = [target for _, target in LINK.findall(text) if not re.match(r"https?:|mailto:", target)]
    for target in links:
        path, _, heading = target.partition("#")
        assert (ROOT / "notebooks" / name / path).resolve().is_file(), target
        if heading:
            headed = notebook(ROOT, "notebooks", Path(path).stem if path else name).cells
            headings = re.findall(r"^#+ (.+)$", "\n".join(cell.source for cell in headed), re.MULTILINE)
            assert heading in {words.replace(" ", "-") for words in headings}, target
    assert len(links) >= 3


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_begins_and_ends_with_the_way_to_its_neighbours_the_start_and_the_glossary(name):
    first, *_, last = prose(name)
    lesson_line = re.search(r"^Lesson \d+ · .*\n\n((?:\[.*\n)+)", first, re.MULTILINE)
    closing = re.search(r"## What you can do now\n.*?\n\n((?:\[.*\n)+)\n## References\n", last, re.DOTALL)
    for found in (lesson_line, closing):
        assert [target for _, target in LINK.findall(found[1])] == way(name)
        for words, target in LINK.findall(found[1])[:-2]:
            number, _, rest = words.strip("← →").partition(" ")
            assert f"{int(number):02}_{rest.replace(' ', '_')}" in target


@pytest.mark.parametrize("name", LESSONS)
def test_the_released_lesson_has_the_way_too(name):
    text = "\n".join(cell.source for cell in notebook(ROOT, "notebooks", name).cells if cell.cell_type == "markdown")
    assert all(text.count(f"({target})") >= 2 for target in way(name))


def test_the_start_page_is_built_and_is_no_lesson():
    assert (ROOT / "notebooks" / course.START / f"{course.START}.ipynb").is_file()
    assert course.START not in LESSONS and not course.is_lesson(course.START)
    assert course.LESSON.fullmatch(course.START)  # so that it is copied with them
    assert len(LESSONS) == 10


def test_the_maps_words_name_all_ten_lessons_and_what_each_builds_on():
    assert list(course_map.STOPS) == LESSONS
    for name, stop in course_map.STOPS.items():
        said = next(said for said in course_map.words().split(". ") if said.startswith(course_map.title(name)))
        assert all(course_map.title(needed) in said for needed in stop.needs)
        assert f"{stop.minutes} minutes" in said


def test_a_lesson_builds_only_on_earlier_ones_and_all_of_them_on_the_first():
    for name, stop in course_map.STOPS.items():
        assert all(needed < name for needed in stop.needs)
        assert bool(stop.needs) == (name != LESSONS[0])


def test_no_box_of_the_map_lies_on_another_or_beyond_the_edge():
    places = [course_map._middle(stop) for stop in course_map.STOPS.values()]
    width, height = course_map.BOX
    for number, (x, y) in enumerate(places):
        assert width / 2 <= x <= course_map.SIZE[0] - width / 2 and height / 2 <= y <= course_map.SIZE[1] - height / 2
        assert all(abs(x - u) > width or abs(y - v) > height for u, v in places[:number])


def test_the_map_is_drawn_the_same_each_time_and_is_not_empty():
    assert course_map.png() == course_map.png()
    assert imread(io.BytesIO(course_map.png())).std() > 0.05


def test_the_page_lists_each_lesson_with_the_maps_hours_and_needs_and_gives_their_sum():
    listed = re.findall(r"^- \[(.+)\]\((.+)\), ([\d.]+) hours, (comes first|after .+?):", page(), re.MULTILINE)
    assert [target for _, target, _, _ in listed] == [address(name) for name in LESSONS]
    for name, (words, _, hours, needs) in zip(LESSONS, listed):
        stop = course_map.STOPS[name]
        assert words == course_map.title(name) and 60 * float(hours) == stop.minutes
        assert re.findall(r"\d\d", needs) == [needed[:2] for needed in stop.needs]
    assert f"together they are about {sum(stop.minutes for stop in course_map.STOPS.values()) // 60}." in page()


@pytest.mark.parametrize("name", LESSONS)
def test_the_map_gives_a_lesson_the_hours_that_the_lesson_itself_claims(name):
    claimed, half = re.search(r"about (\w+)( and a half)? hours", prose(name)[0]).groups()
    assert course_map.STOPS[name].minutes == 60 * WHOLE_HOURS.index(claimed) + 30 * bool(half)


def test_the_glossary_has_the_twelve_words_each_with_the_lesson_that_works_with_it():
    glossary = page().split("## Glossary\n")[1].split("\n## ")[0]
    entries = re.findall(r"^- \*(.+?)\* \(\[lesson (\d+)\]\((.+?)\)\): ", glossary, re.MULTILINE)
    assert {term: int(number) for term, number, _ in entries} == TERMS and len(entries) == 12
    for term, number, target in entries:
        name = LESSONS[int(number) - 1]
        assert target == address(name)
        said = " ".join(prose(name)).lower()
        assert term.lower() in said or term.lower().replace(" ", "-") in said


def test_the_words_are_asked_for_right_after_the_glossary():
    headings = re.findall(r"^## (.+)$", page(), re.MULTILINE)
    assert headings[headings.index("Glossary") + 1] == "Do you know the words?"


def test_the_failing_check_that_the_page_shows_is_what_the_check_says():
    with pytest.raises(CheckFailed) as caught:
        check.square(lambda x: 2 * x)
    shown = [output.text for cell in notebook(ROOT, "notebooks", course.START).cells if "twice" in cell.source
             for output in cell.get("outputs", []) if output.output_type == "stream"]
    assert shown == [f"{caught.value}\n"] and caught.value.verdict.misconception == "square-double"


def test_the_released_exercise_is_a_hole_and_nothing_of_what_is_recorded_is_in_the_page():
    cells = {graded(cell).get("grade_id"): cell for cell in notebook(ROOT, "notebooks", course.START).cells}
    assert "raise NotImplementedError()" in cells["square"].source
    shown = [cell for cell in notebook(ROOT, "notebooks", course.START).cells if cell.source == "progress.show()"]
    assert [output.text for cell in shown for output in cell.outputs] == [f"{progress.NOTHING_YET}\n"]


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.xdist_group("browser")
def test_jupyterlab_opens_on_the_page_its_check_is_recorded_and_its_links_open_lessons(tmp_path, artefacts):
    with browser.browser() as chromium, browser.lab(tmp_path) as address:
        with chromium.new_context(viewport=browser.WINDOW) as context:
            opened = browser.Lesson(context.new_page(), course.START)
            opened.page.goto(address)
            opened.ready()
            opened.run_all()
            opened.write("square", "def square(x):\n    return x * x")
            opened.run("square")
            assert "✓ square" in opened.run("check_square")
            with closing(sqlite3.connect(tmp_path / "work" / progress.FILE)) as record:
                entries = record.execute("select lesson, exercise, best from verdicts").fetchall()
            assert ("start_here", "square", 1.0) in entries
            assert "0 of 10" in opened.run("progress.show()")
            opened.picture(artefacts / "start_page_progress.png")
            opened.output("progress.show()").query_selector(f"a:has-text('{course_map.title(LESSONS[1])}')").click()
            opened.page.wait_for_function(f"() => {browser.NOTEBOOK}?.context?.path == '{address_in_lab(LESSONS[1])}'")
            opened.page.locator(f".jp-Notebook:visible a:has-text('{LESSONS[2][3:]} →')").first.click()
            opened.page.wait_for_function(f"() => {browser.NOTEBOOK}?.context?.path == '{address_in_lab(LESSONS[2])}'")
            assert opened.said == []


def address_in_lab(name):
    """Where a page lies in the folder that JupyterLab shows."""
    return f"{name}/{name}.ipynb"
