"""The instructor's side: a learner's notebook runs in a sandbox, the verdict is reached outside it.

The way of one submission, each step a module:

    submission.py   read what a learner handed in, whatever it is
    rebuild.py      our cells with the learner's answers in them
    sandbox.py      the walls, and a session behind them;  inside/ is what runs there
    judging.py      ask in the session, judge here
    run.py          the whole as one pure function: (source, submission, seed) -> graded notebook and record
    fanout.py       a class at once;  book.py writes the gradebook, report.py tells of the class
"""
