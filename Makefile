# make demo   masks of airplanes that a pretrained student has not seen; a real, short training run of the foreground GAN;
#             instances of a cluster; a micrograph's nuclei counted; one HTML page of it all
# make test   the test suite
# make test-fast   the part of it that neither trains nor starts scripts, within a minute
# make install   the virtual environment .venv alone, which all others make first, if it is not there
# make count-install   what count.py needs besides: StarDist, into the same environment
# make reproduce DATA=data   every row of the paper, one after another, resumable; SMOKE=1 for two steps of each
# All can be called again at any time.

SHELL := /bin/bash
VENV ?= .venv
RUN ?= runs/demo
TEST_PROCESSES ?= 2
DATA ?= data
PYTHON ?= $(shell for python in python3 python3.11; do \
	$$python -c 'import sys, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$python && break; done)

.PHONY: demo test test-fast install count-install reproduce clean

install: $(VENV)/.installed

count-install: $(VENV)/.installed-count

demo: $(VENV)/.installed $(VENV)/.installed-count
	@echo "1 of 4: masks of 200 airplanes that the pretrained student has not seen"
	$(VENV)/bin/python segment.py --weights=pretrained/airplanes_compact.npz data/samples/airplanes/images \
		--boxes=data/samples/airplanes/boxes_unseen.txt --out=$(RUN)_masks
	@echo "They are in $(RUN)_masks/contact_sheet_001.png. 2 of 4: the GAN learns masks of airplanes, five minutes on two cores"
	$(VENV)/bin/python train_fg.py --flagfile=experiments/best/fg_demo.flags --run_dir=$(RUN)
	@echo "3 of 4: instances from weights that were learnt from one photograph of hazelnuts"
	$(VENV)/bin/python sample.py --weights=pretrained/hazelnuts_ten.npz --out=$(RUN)_instances
	@echo "4 of 4: the nuclei of a micrograph, found by a network that has learnt from it without a label"
	$(VENV)/bin/python count.py --student=pretrained/nuclei_student.npz --image=data/samples/nuclei/07fb37aa.png \
		--out=$(RUN)_counted
	$(VENV)/bin/python experiments/demo_page.py --masks=$(RUN)_masks --run_dir=$(RUN) --instances=$(RUN)_instances \
		--counted=$(RUN)_counted --out=$(RUN).html

test: $(VENV)/.installed-test $(VENV)/.installed-count
	CUDA_VISIBLE_DEVICES= $(VENV)/bin/python -m pytest -n $(TEST_PROCESSES) --dist loadfile tests

test-fast: $(VENV)/.installed-test $(VENV)/.installed-count
	CUDA_VISIBLE_DEVICES= $(VENV)/bin/python -m pytest -n $(TEST_PROCESSES) --dist worksteal -m "not slow" tests

reproduce: $(VENV)/.installed
	$(VENV)/bin/python experiments/reproduce.py --data=$(DATA) $(if $(SMOKE),--smoke) $(if $(ROWS),--rows=$(ROWS)) \
		$(if $(SEEDS),--seeds=$(SEEDS)) $(REPRODUCE_FLAGS)

# Where neither python3 nor python3.11 is Python 3.11, uv finds or downloads one; pip puts uv into .uv if there is none.
$(VENV)/bin/python:
	@if [ -n "$(PYTHON)" ]; then \
		$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }; exit; \
	fi; \
	uv=$$(command -v uv) || uv=.uv/bin/uv; \
	[ -x "$$uv" ] || python3 -m pip install --quiet --disable-pip-version-check --target .uv uv && \
	"$$uv" venv --quiet --seed --python 3.11 $(VENV) || { rm -rf $(VENV); printf '%s\n' >&2 \
		"error: neither python3 nor python3.11 is Python 3.11 with its venv module, and uv brought none. It is needed since" \
		"TensorFlow 2.15.1 with tensorflow-addons 0.23.0 (the last pair that works together) is tested here on 3.11 alone." \
		"Install it in one of these ways and call make again, or call make PYTHON=/path/to/python3.11" \
		"    sudo apt install python3.11-venv         Debian 12; Ubuntu after: sudo add-apt-repository ppa:deadsnakes/ppa" \
		"    pyenv install 3.11 && pyenv local 3.11   any Linux with pyenv"; exit 1; }

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.installed-test: requirements-test.txt requirements.txt $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	touch $@

# Both lists together, so that pip keeps to the versions of the first.
$(VENV)/.installed-count: requirements-count.txt requirements.txt $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-count.txt
	touch $@

clean:
	rm -rf $(VENV) .uv
