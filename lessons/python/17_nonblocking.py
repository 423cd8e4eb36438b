"""Lesson 17: a socket that never waits, and raises BlockingIOError instead."""

import argparse
import socket
import sys
import time

from support import keep_trying, split

PATIENCE = 5  # seconds until we give up on calls that do nothing


class Calls:
    """Counts the calls of one kind, and times them."""

    def __init__(self, name):
        self.name = name
        self.useful, self.first, self.wasted = 0, 0, 0
        self.longest, self.total = 0.0, 0.0
        self.last = time.monotonic()

    def time(self, call, *args):
        """Makes a call and times it. None means that the call did nothing."""
        begin = time.monotonic()
        try:
            result = call(*args)
        except BlockingIOError:
            result = None
        end = time.monotonic()
        self.longest = max(self.longest, end - begin)
        self.total += end - begin
        if result is None:
            self.wasted += 1
            if end - self.last >= PATIENCE:
                raise TimeoutError("timed out")
            return None
        if self.useful == 0:
            self.first = result if isinstance(result, int) else len(result)
        self.useful += 1
        self.last = end
        return result

    def __str__(self):
        average = self.total * 1000 / max(self.useful + self.wasted, 1)
        plural = "" if self.useful == 1 else "s"
        return (
            f"{self.useful} {self.name}{plural} did something (the first: "
            f"{self.first} bytes), {self.wasted} did nothing\n"
            f"a {self.name} took {average:.4f} ms on average, "
            f"{self.longest * 1000:.1f} ms at most"
        )


# [receive]
def receive(stream, calls):
    total = 0
    while True:
        data = calls.time(stream.recv, 65536)
        if data is None:
            continue  # nothing has come yet: ask again
        if not data:
            return total  # end of file
        total += len(data)
# [/receive]


# [send]
def send(stream, data, calls):
    rest = memoryview(data)
    while rest:
        count = calls.time(stream.send, rest)
        if count is not None:
            rest = rest[count:]  # the socket took a part; the rest is ours
# [/send]


def prepare(stream, blocking):
    stream.settimeout(PATIENCE if blocking else 0)  # 0: setblocking(False)
    return stream


def serve(host, port, blocking):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
        print("listening on {}:{}".format(*listener.getsockname()), flush=True)
        while True:
            connection, _ = keep_trying(listener.accept)
            with prepare(connection, blocking):
                calls = Calls("read")
                try:
                    count = receive(connection, calls)
                    print(f"{count} bytes came\n{calls}", flush=True)
                except OSError as error:
                    print("error:", error, flush=True)


def client(host, port, message, blocking):
    with prepare(socket.create_connection((host, port), 5), blocking) as stream:
        calls = Calls("write")
        send(stream, message, calls)
        print(f"{len(message)} bytes sent\n{calls}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--addr", default="127.0.0.1:9017", metavar="HOST:PORT")
    parser.add_argument("--blocking", action="store_true")
    args = parser.parse_intermixed_args()
    host, port = split(args.addr)
    if args.role == "serve":
        serve(host, port, args.blocking)
    else:
        message = " ".join(args.words).encode() or b"x" * 16_000_000
        client(host, port, message, args.blocking)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass
