"""Lesson 13: stop a server, as far as Python's own socketserver can.

At the first Ctrl-C, the server accepts no more clients, and waits for those that are
connected. But it can't wake a handler that waits in a read, so it might wait forever; it
has no deadline; and it can't say how many clients finished. The second Ctrl-C ends the
program at once.
"""

import argparse
import signal
import socket
import socketserver
import sys
import threading
import time

from support import keep_trying, shown, split


# [handler]
class Slowly(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            for word in line.split():
                time.sleep(0.1)
                self.wfile.write(word + b"\n")
# [/handler]


# [serve]
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False  # closing waits for all handlers; with True, for none

    def get_request(self):
        # Without this, it would try again without a pause when out of file descriptors.
        return keep_trying(super().get_request)


def serve(host, port):
    with Server((host, port), Slowly) as server:
        def stop(*_):
            # `shutdown` waits for `serve_forever`, which runs on this very thread. Called
            # here, it would wait for itself. So another thread calls it.
            threading.Thread(target=server.shutdown).start()
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second one ends the program
            print("stopping: waiting for all clients", flush=True)

        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        print("listening on {}:{}".format(*server.server_address), flush=True)
        server.serve_forever()
    # `with` waits at its end for every handler, however long that takes.
    print("all clients have left", flush=True)
# [/serve]


# [client]
def client(host, port, message):
    with socket.create_connection((host, port), timeout=5) as stream:
        stream.sendall(message + b"\n")
        with stream.makefile("rb") as answers:
            left = len(message.split())
            while left > 0 and (line := answers.readline()):
                left -= not line.startswith(b"(")  # in brackets: not a word
                print(shown(line.rstrip()), flush=True)
# [/client]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("words", nargs="*",
                        default=["one two three four five six seven eight"])
    parser.add_argument("--addr", default="127.0.0.1:9013", metavar="HOST:PORT")
    args = parser.parse_intermixed_args()
    host, port = split(args.addr)
    if args.role == "serve":
        serve(host, port)
    else:
        client(host, port, " ".join(args.words).encode())


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass
