"""A class at once: each submission is graded apart, on every core or on a Dask cluster; one process writes the book."""

import atexit
import functools
import hashlib
import multiprocessing
import os
import secrets
import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.util import Finalize

from tqdm import tqdm

from dlcourse.course import CourseError

from . import submission as handed_in
from .book import Book
from .run import FORM, Graded, grade
from .sandbox import Sandbox
from .submission import Submission

TRIES = 3  # a process that grades may end under a submission; the next try may do better
LOST = "It could not be graded: the process that graded it ended {} times. Grade it alone, and look at it by hand."


def grade_class(book: Book, lesson: str, students: list[str] | None = None, jobs: int | None = None,
                scheduler: str | None = None, shut_in: bool = True, seed: int | None = None,
                again: bool = False) -> dict[str, dict]:
    """Grade what was handed in for `lesson`; return the records of all that were asked for, graded now or before.

    Whoever has a record for the same notebook and the same lesson is not graded again, unless `again` or with a seed.
    A run that is broken off has entered what it had graded; the next one goes on from there.
    """
    source, everybody = book.source(lesson), book.students(lesson)
    for student in students or []:
        if student not in everybody:
            raise CourseError(f"{student} has handed in nothing for {lesson}: there is no "
                              f"{book.submitted(lesson, student)}.")
    if not everybody:
        raise CourseError(f"Nobody has handed in {lesson}: run `nbgrader collect {lesson}`, or put notebooks into "
                          f"{book.submitted(lesson, 'STUDENT')}.")
    chosen = students or everybody
    submissions = {student: handed_in.read(book.submitted(lesson, student), lesson) for student in chosen}
    records = {} if again or seed is not None else {
        student: record for student, one in submissions.items()
        if _is_current(record := book.record(lesson, student), source, one)}
    waiting = {student: one for student, one in submissions.items() if student not in records}
    number = secrets.randbits(62) if seed is None else seed
    with tqdm(total=len(waiting), desc=lesson, unit="notebook", file=sys.stderr, disable=None) as bar:
        for student, graded in results(waiting, source, lesson, number, shut_in, jobs, scheduler):
            book.enter(lesson, student, graded)
            records[student] = graded.record
            bar.update()
    _note_twins(book, lesson)
    return {student: book.record(lesson, student) or records[student] for student in chosen}


def results(waiting: dict[str, Submission], source: str, lesson: str, seed: int, shut_in: bool,
            jobs: int | None = None, scheduler: str | None = None) -> Iterator[tuple[str, Graded]]:
    """Yield (student, Graded) as they come; none is lost, and none comes twice, if a process dies under one."""
    tries = dict.fromkeys(waiting, 0)
    while tries:
        with executor(min(jobs or cores(), len(tries)), scheduler) as pool:
            futures = {pool.submit(grade_here, source, lesson, waiting[student], seed, shut_in): student
                       for student in tries}
            for future in as_completed(futures):
                student = futures[future]
                try:
                    graded = future.result()
                except Exception as error:
                    if not _process_died(error):
                        raise
                    continue
                del tries[student]
                yield student, graded
        for student in list(tries):
            tries[student] += 1
            if tries[student] == TRIES:
                del tries[student]
                lost = Submission(waiting[student].notebook, waiting[student].beside, LOST.format(TRIES))
                graded = grade(source, lesson, lost, seed, _Nowhere())
                graded.record["status"] = "lost"  # the next run tries again
                yield student, graded


def grade_here(source: str, lesson: str, submission: Submission, seed: int, shut_in: bool) -> Graded:
    """Grade one submission in this process, which keeps its sandbox for the next one."""
    return grade(source, lesson, submission, seed, sandbox(shut_in))


@functools.cache
def sandbox(shut_in: bool) -> Sandbox:
    """This process's sandbox, closed when the process ends."""
    made = Sandbox(shut_in)
    atexit.register(made.close)
    Finalize(made, made.close, exitpriority=10)  # a worker of a pool runs this and no atexit
    return made


@contextmanager
def executor(jobs: int, scheduler: str | None = None) -> Iterator[Executor]:
    """Processes on this machine, or the workers of a Dask cluster."""
    if scheduler:
        try:
            from distributed import Client
        except ImportError:
            raise CourseError("Dask is missing: run `pip install -c constraints.txt distributed`.") from None
        try:
            client = Client(scheduler, timeout="20s")
        except OSError as error:
            raise CourseError(f"No Dask scheduler answers at {scheduler}: {error}.") from None
        with client:
            yield client.get_executor(pure=False)
        return
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def cores() -> int:
    """How many processes may grade at once here."""
    with suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Nowhere:
    """The sandbox of what is not run."""

    walls = "sandbox"


def _process_died(error: Exception) -> bool:
    return isinstance(error, (BrokenProcessPool, CancelledError)) or type(error).__name__ == "KilledWorker"


def _is_current(record: dict | None, source: str, submission: Submission) -> bool:
    """Whether a record is of this very notebook, graded by this very lesson."""
    wanted = {"form": FORM, "submission": submission.digest, "source": hashlib.sha256(source.encode()).hexdigest()}
    return record is not None and record["status"] != "lost" and wanted.items() <= record.items()


def _note_twins(book: Book, lesson: str) -> None:
    """Say in each record whose notebook is the same to the byte."""
    records = book.records(lesson)
    for student, record in records.items():
        twins = sorted(other for other, one in records.items() if other != student
                       and record["status"] == "graded" and one["submission"] == record["submission"])
        if record.get("twins", []) != twins:
            book.keep(lesson, student, record | {"twins": twins})
