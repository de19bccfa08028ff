# make demo   masks of pictures that a pretrained student has not seen; then a real, short training run of the foreground
#             GAN on the bundled sample, its evaluation and a picture
# make test   the test suite
# make test-fast   the part of it that neither trains nor starts scripts, within a minute
# make install   the virtual environment .venv alone, which all others make first, if it is not there
# make reproduce DATA=data   every row of the paper, one after another, resumable; SMOKE=1 for two steps of each
# All can be called again at any time.

SHELL := /bin/bash
VENV ?= .venv
RUN ?= runs/demo
AFTERWARDS := --average_flips --refine_iterations=10 --grabcut_iterations=1
TEST_PROCESSES ?= 2
DATA ?= data
PYTHON ?= $(shell for python in python3 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$python && break; done)

.PHONY: demo test test-fast install reproduce clean

install: $(VENV)/.installed

demo: $(VENV)/.installed
	@echo "First, masks of 200 pets that the pretrained student has not seen:"
	$(VENV)/bin/python segment.py --weights=pretrained/pets_compact.npz data/samples/pets/images \
		--boxes=data/samples/pets/boxes_unseen.txt $(AFTERWARDS) --out=$(RUN)_masks
	@echo "Look at $(RUN)_masks/contact_sheet_001.png. Now a training run of your own, eight minutes on two cores:"
	$(VENV)/bin/python train_fg.py --flagfile=experiments/best/fg_demo.flags --run_dir=$(RUN)
	$(VENV)/bin/python evaluate.py --run_dir=$(RUN) --out=$(RUN)/evaluation
	@echo
	@echo "Last panel:    $$(ls $(RUN)/panels/*.png | tail -n 1)"
	@echo "Best to worst: $(RUN)/evaluation/evaluation.png"
	@echo "Curves:        $(VENV)/bin/tensorboard --logdir $(RUN)"
	@echo "This is a run of minutes on a half-width network: its masks are rough. See README.md for what longer runs reach."

test: $(VENV)/.installed-test
	CUDA_VISIBLE_DEVICES= $(VENV)/bin/python -m pytest -n $(TEST_PROCESSES) --dist loadfile tests

test-fast: $(VENV)/.installed-test
	CUDA_VISIBLE_DEVICES= $(VENV)/bin/python -m pytest -n $(TEST_PROCESSES) --dist worksteal -m "not slow" tests

reproduce: $(VENV)/.installed
	$(VENV)/bin/python experiments/reproduce.py --data=$(DATA) $(if $(SMOKE),--smoke) $(if $(ROWS),--rows=$(ROWS)) \
		$(if $(SEEDS),--seeds=$(SEEDS)) $(REPRODUCE_FLAGS)

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "error: neither python3 nor python3.11 is Python 3.11, which is needed since TensorFlow 2.15.1 with" \
		     "tensorflow-addons 0.23.0 (the last pair that works together) is tested here on 3.11 alone; install it, or" \
		     "call make PYTHON=/path/to/python3.11" >&2; exit 1; fi
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.installed-test: requirements-test.txt requirements.txt $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	touch $@

clean:
	rm -rf $(VENV)
