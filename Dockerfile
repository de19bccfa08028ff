# The project with its environment, for CPUs:
#
#     docker build -t masks .
#     docker run --rm -v "$PWD/photos:/photos:ro" -v "$PWD/masks:/masks" masks \
#         python segment.py --weights=pretrained/birds_compact.npz /photos --out=/masks
#     docker run --rm -v "$PWD/runs:/project/runs" masks \
#         python train_fg.py --flagfile=experiments/best/fg_demo.flags --run_dir=runs/demo
#
# For GPUs, with the CUDA libraries that TensorFlow brings. The host needs an NVIDIA driver of version 525 or newer and
# the NVIDIA Container Toolkit:
#
#     docker build -t masks-gpu --build-arg EXTRA=and-cuda .
#     docker run --rm --gpus all -v "$PWD/runs:/project/runs" masks-gpu \
#         python train_fg.py --flagfile=experiments/best/fg_demo.flags --run_dir=runs/demo
#
# With --user "$(id -u):$(id -g)" what is written to ./masks and ./runs is yours, not root's; make these folders before.
FROM python:3.11-slim-bookworm
ARG EXTRA=""
WORKDIR /project
COPY requirements.txt ./
RUN python -m pip install --no-cache-dir -r requirements.txt ${EXTRA:+"tensorflow[$EXTRA]"}
COPY . .
CMD ["python", "train_fg.py", "--help"]
