"""Pictures per second of `segment.py` and `evaluate.py`, whole programs on bundled pictures, and what memory they take.

Each is run on few pictures and on many. What the many take longer is the pictures' own time; the start, which is seconds
of importing and of tracing, is not in it.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

from errors import UserError
from data import folder, samples

ROOT = pathlib.Path(__file__).resolve().parent.parent
IMAGES = {"segment": samples.AIRPLANES_IMAGES, "evaluate": samples.PETS_IMAGES}
BOXES = {"segment": samples.AIRPLANES_BOXES, "evaluate": samples.PETS_BOXES}
WEIGHTS = {"segment": "airplanes_compact.npz", "evaluate": "pets_compact.npz"}


def measure(script, *, counts, cores, grabcut_iterations=0):
    """Times a script.

    Args:
      script: 'segment' or 'evaluate'.
      counts: few pictures, and many; the bundled ones are taken again and again.
      cores: of how many processor cores the script may use.
      grabcut_iterations: the script's flag; `evaluate.py` then cuts each picture's box too.

    Returns:
      dict of pictures_per_s, start_s (of few pictures, without these), peak_memory_mib (of many), and
      memory_growth_kib_per_picture.
    """
    seconds, memory = zip(*(_run(script, count, cores, grabcut_iterations) for count in counts))
    few, many = counts
    rate = (many - few) / (seconds[1] - seconds[0])
    return {"script": script, "cores": cores, "grabcut_iterations": grabcut_iterations, "num_pictures": many,
            "pictures_per_s": rate, "start_s": seconds[0] - few / rate, "peak_memory_mib": memory[1],
            "memory_growth_kib_per_picture": (memory[1] - memory[0]) * 1024 / (many - few)}


def lay_out(directory, script, count):
    """Links so many pictures, and masks for `evaluate.py`, into a folder. Returns the script's flags for them."""
    directory = pathlib.Path(directory)
    listed = folder.list_photographs(IMAGES[script], boxes_file=BOXES[script],
                                     mask_dir=samples.PETS_MASKS if script == "evaluate" else None)
    lines = []
    for name in ("images", "masks"):
        (directory / name).mkdir(parents=True)
    for number in range(count):
        photograph = listed[number % len(listed)]
        name = f"{number:06d}"
        (directory / "images" / f"{name}.jpg").symlink_to(photograph.path)
        if photograph.mask_path:
            (directory / "masks" / f"{name}{pathlib.Path(photograph.mask_path).suffix}").symlink_to(photograph.mask_path)
        lines.append(" ".join(map(str, (f"{name}.jpg", *photograph.box))))
    (directory / "boxes.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    given = [f"--boxes={directory / 'boxes.txt'}", f"--weights={ROOT / 'pretrained' / WEIGHTS[script]}",
             f"--out={directory / 'out'}"]
    if script == "evaluate":
        return [*given, f"--images={directory / 'images'}", f"--masks={directory / 'masks'}"]
    return [*given, str(directory / "images")]


def _run(script, count, cores, grabcut_iterations):
    """Runs a script on so many pictures. Returns (seconds, most memory of the process in MiB)."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile("w+") as said:
        flags = lay_out(directory, script, count)
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, str(ROOT / f"{script}.py"), f"--grabcut_iterations={grabcut_iterations}", *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said,
            preexec_fn=lambda: os.sched_setaffinity(0, allowed))
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            last = (said.read().strip().splitlines() or ["it said nothing"])[-1]
            raise UserError(f"{script}.py ended with status {process.returncode}: {last}")
    return seconds, usage.ru_maxrss / 1024
