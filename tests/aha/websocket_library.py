"""Talks to lesson 19's server with a client that nobody here has written: `websockets`.

    python3 tests/aha/websocket_library.py HOST:PORT

Prints what it has seen, and fails at the first thing that isn't as it should be.
"""

import sys

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

PATIENCE = 10  # seconds
URL = f"ws://{sys.argv[1]}/chat"


def enter():
    room = connect(URL)  # it offers to compress; the server doesn't want to
    greeting = room.recv(timeout=PATIENCE)
    assert greeting.startswith("-- you are guest-"), greeting
    return room


def hears(room, wanted):
    while (line := room.recv(timeout=PATIENCE)) != wanted:
        assert line.startswith("-- "), line


def end(room):
    """Reads to the end; how did it end?"""
    try:
        while True:
            room.recv(timeout=PATIENCE)
    except ConnectionClosed as closed:
        return closed.rcvd.code, closed.rcvd.reason


def main():
    ada, bob = enter(), enter()
    hears(ada, "-- guest-2 joined")
    ada.send("h\u00e9llo")
    hears(bob, "guest-1: h\u00e9llo")
    ada.send(["in ", "three ", "pieces"])
    hears(bob, "guest-1: in three pieces")
    assert bob.ping(b"here?").wait(PATIENCE)
    print("texts, pieces and pings")

    for message, code in (["x" * 4001, 1009], [b"bytes", 1003], ["/quit", 1000]):
        carl = enter()
        carl.send(message)
        found = end(carl)
        assert found[0] == code, found
    carl = enter()
    carl.close(3000, "my own")
    assert (carl.close_code, carl.close_reason) == (3000, "my own"), carl.close_code
    print("close codes")

    try:
        connect(URL, origin="http://elsewhere.example")
    except InvalidStatus as refused:
        assert refused.response.status_code == 403
    else:
        sys.exit("a page from elsewhere was let in")
    print("the origin")

    print("ready for Ctrl-C", flush=True)
    for room in (ada, bob):
        assert end(room) == (1001, "the server stops")
    print("closed")


main()
