"""Checks that know why an answer is wrong, one module per lesson.

    from dlcourse.checks import activations as check
    check.gelu(gelu)          # a Verdict, or CheckFailed with its `.verdict`

The way from an answer to a verdict: `core.Check` draws questions from a seed, `ask` (watching.py, beside the
learner's code) brings back observations, plain data that wire.py can carry, and `judge` (comparing.py, away from
the learner's code) sets them beside the reference's and beside those of the mistakes that people make.
"""
