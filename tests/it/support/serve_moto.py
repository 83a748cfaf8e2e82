"""Serves moto on a free loopback port, prints the port, and ends when standard input does.

Standard input is a pipe that the test process holds open: however that process ends, this one ends with it.
"""

import os
import sys

from moto.moto_server.threaded_moto_server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
os._exit(0)
