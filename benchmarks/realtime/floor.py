"""The floor under every server: what the kernel takes for one small write to each of many sockets.

No server delivers a message for less. How much of a delivery it is differs from machine to machine,
and with it the ratio of two servers: so it is measured beside them.
"""

from __future__ import annotations

import socket
import time

_RECEIVERS = 1_000
_ROUNDS = 60
_FRAME = bytes(140)
"""As long as the event that the jobs send."""


def floor() -> float:
    """Return µs of CPU for one write to a loopback socket that somebody reads."""
    with socket.create_server(("127.0.0.1", 0), backlog=_RECEIVERS) as listening:
        readers, writers = [], []
        for _ in range(_RECEIVERS):
            readers.append(socket.create_connection(listening.getsockname()))
            writers.append(listening.accept()[0])
    spent = 0.0
    try:
        for _ in range(_ROUNDS):
            begun = time.thread_time()
            for one in writers:
                one.send(_FRAME)
            spent += time.thread_time() - begun
            for one in readers:
                one.recv(len(_FRAME))
    finally:
        for one in (*readers, *writers):
            one.close()
    return spent / _RECEIVERS / _ROUNDS * 1e6
