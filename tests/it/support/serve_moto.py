"""Serves moto, the AWS emulator, on a free loopback port: `python3 serve_moto.py FOLDER`.

On first use it makes a virtual environment in FOLDER and installs moto there, pinned. It prints the port, and ends
when standard input does: that is a pipe which whoever started it holds open, so however that process ends, this one
ends with it.
"""

import fcntl
import os
import pathlib
import subprocess
import sys

PACKAGE = "moto[server]==5.2.5"


def environment(folder):
    """The Python that has moto. A lock keeps two that start at once from both making it."""
    home = folder / "moto-5.2.5"
    python = home / "bin" / "python"
    finished = home / "finished"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "moto.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            run([sys.executable, "-m", "venv", "--clear", home], "python3 with venv: apt-get install python3-venv")
            run([python, "-m", "pip", "install", "--quiet", PACKAGE], f"the Python package {PACKAGE}")
            finished.touch()
    return python


def run(command, needed):
    if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode != 0:
        sys.exit(f"this needs {needed}")


def serve():
    import logging

    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    logging.getLogger("werkzeug").disabled = True
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    sys.stdin.read()
    os._exit(0)


if sys.argv[1:] == ["--serve"]:
    serve()
else:
    python = environment(pathlib.Path(sys.argv[1]).absolute())
    os.execv(python, [python, __file__, "--serve"])
