"""Runs scripts in forks of one process that has TensorFlow and the project imported.

Importing takes longer than most scripts do. `conftest.run_script` starts a new interpreter where it is asked to.

Reads lines of JSON: {"argv": [...], "cwd": ..., "stdout": file, "stderr": file, "env": {...}, and optionally "program":
text that is run instead of the file argv[0]}. Answers each with a line, the id of the process. {"wait": id, "timeout":
seconds} is answered with the exit status. Each script has a process of its own, with its own memory, files and end.
"""

import importlib
import json
import os
import pathlib
import runpy
import signal
import sys
import threading
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ("counting", "data", "evaluation", "extensions", "inference", "models", "storage", "training", "visualization")


def import_all():
    """Imports TensorFlow, Keras, and all modules of the project but for its scripts. None of them computes anything."""
    sys.path.insert(1, str(ROOT))  # after the tests' folder
    importlib.import_module("flags")  # before TensorFlow
    importlib.import_module("tensorflow").keras.layers.Layer  # loads Keras, which is loaded at first use
    for package in PACKAGES:
        for path in sorted((ROOT / package).glob("[a-z]*.py")):
            importlib.import_module(f"{package}.{path.stem}")


def run_as_main(request):
    """Runs a script's file, or a program's text, with its arguments."""
    if "program" in request:
        exec(compile(request["program"], "<program>", "exec"), {"__name__": "__main__"})
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


def become(request):
    """Becomes the script, in a fork; never returns."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, path in ((0, os.devnull), (1, request["stdout"]), (2, request["stderr"])):
            os.dup2(os.open(path, os.O_RDWR | os.O_APPEND if number else os.O_RDONLY), number)
        os.chdir(request["cwd"])
        os.environ.update(request.get("env", {}))
        sys.argv = request["argv"]
        sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0])) if "program" not in request else str(ROOT)
        try:
            run_as_main(request)
            status = 0
        except SystemExit as end:
            if end.code is None or isinstance(end.code, int):
                status = end.code or 0
            else:
                print(end.code, file=sys.stderr)
        except BaseException:
            traceback.print_exc()
        threading._shutdown()  # as an interpreter does: waits for threads that are no daemons
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status & 0xFF)


def finish(child, timeout):
    """Waits for a fork, killing it when its time is up. Returns its status as `subprocess` has it."""
    end = time.monotonic() + timeout
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            end = float("inf")
        time.sleep(0.02)


if __name__ == "__main__":
    import_all()
    running = set()
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            print(finish(asked["wait"], asked["timeout"]), flush=True)
            running.discard(asked["wait"])
            continue
        fork = os.fork()
        if not fork:
            become(asked)
        running.add(fork)
        print(fork, flush=True)
    for fork in running:  # what nobody has waited for
        os.kill(fork, signal.SIGKILL)
