"""Runs scripts in forks of one process that has TensorFlow imported, which takes longer than most scripts do.

Reads lines of JSON: {"argv": [...], "cwd": ..., "stdout": file, "stderr": file, "timeout": seconds}. Answers each with a
line, the exit status. Each script has a process of its own, with its own memory, files and end; nothing of the project
is imported here. `conftest.run_script` uses it, and a new interpreter where it is asked for one.
"""

import json
import os
import runpy
import signal
import sys
import threading
import time
import traceback

import tensorflow as tf

tf.keras.layers.Layer  # loads Keras, which is loaded at first use


def run(request):
    """Becomes the script, in a fork; never returns."""
    status = 1
    try:
        for number, path in ((0, os.devnull), (1, request["stdout"]), (2, request["stderr"])):
            os.dup2(os.open(path, os.O_RDWR if number else os.O_RDONLY), number)
        os.chdir(request["cwd"])
        sys.argv = request["argv"]
        sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
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
    for line in sys.stdin:
        asked = json.loads(line)
        fork = os.fork()
        if not fork:
            run(asked)
        print(finish(fork, asked["timeout"]), flush=True)
