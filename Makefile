# Every target only calls course.py, which also works without make: python3 course.py help
PYTHON ?= python3
.DEFAULT_GOAL := help
.PHONY: help lab test lessons bench demo bench-grading

help:  ## list these targets
	@sed -n 's/^\([a-z-]*\):  ## /  make \1\t/p' $(MAKEFILE_LIST)

lab:  ## make the environment and open the lessons in JupyterLab (PORT=8889 for another port)
	@$(PYTHON) course.py lab $(if $(PORT),--port $(PORT))

test:  ## run every test, as CI does (FAST=1 leaves the slow ones out)
	@$(PYTHON) course.py test $(if $(filter-out 0,$(FAST)),--fast)

lessons:  ## build the lessons' notebooks from solutions/
	@$(PYTHON) course.py lessons

bench:  ## time every lesson: seconds, memory, slowest check
	@$(PYTHON) course.py bench

demo:  ## let a simulated class take a lesson, from release to report (LEARNERS=8 for a small one)
	@$(PYTHON) course.py demo $(if $(LEARNERS),--learners $(LEARNERS))

bench-grading:  ## grade the same submissions with nbgrader alone and with the course: seconds of each
	@$(PYTHON) course.py bench-grading $(if $(SUBMISSIONS),--submissions $(SUBMISSIONS))
