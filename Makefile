# Every target only calls course.py, which also works without make: python3 course.py help
PYTHON ?= python3
.DEFAULT_GOAL := help
.PHONY: help lab test lessons bench

help:  ## list these targets
	@sed -n 's/^\([a-z]*\):  ## /  make \1\t/p' $(MAKEFILE_LIST)

lab:  ## make the environment and open the lessons in JupyterLab (PORT=8889 for another port)
	@$(PYTHON) course.py lab $(if $(PORT),--port $(PORT))

test:  ## run every test, as CI does (FAST=1 leaves the slow ones out)
	@$(PYTHON) course.py test $(if $(filter-out 0,$(FAST)),--fast)

lessons:  ## build the lessons' notebooks from solutions/
	@$(PYTHON) course.py lessons

bench:  ## time every lesson: seconds, memory, slowest check
	@$(PYTHON) course.py bench
