"""Lesson 13: a server that stops, as well as Python's own socketserver can.

The first Ctrl-C lets nobody in any more and waits for the clients that are in. What it
cannot do: tell a handler that waits in a read (it waits on, and the server with it), wait
until a deadline and no longer, or say how many finished. The second Ctrl-C ends the
program as it stands.
"""

import argparse
import signal
import socket
import socketserver
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
    daemon_threads = False  # the end waits for all handlers; with True, for none

    def get_request(self):
        # By itself, it would try again without a pause when no descriptor is left.
        return keep_trying(super().get_request)


def serve(host, port):
    with Server((host, port), Slowly) as server:
        def stop(*_):
            # `shutdown` waits for `serve_forever`, which runs on this very thread: from
            # here it would wait for itself. So a thread calls it.
            threading.Thread(target=server.shutdown).start()
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second one kills
            print("stopping: waiting for all clients", flush=True)

        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        print("listening on {}:{}".format(*server.server_address), flush=True)
        server.serve_forever()
    # The end of `with` has waited for every handler, however long that took.
    print("all clients have left", flush=True)
# [/serve]


# [client]
def client(host, port, message):
    with socket.create_connection((host, port), timeout=5) as stream:
        stream.sendall(message + b"\n")
        with stream.makefile("rb") as answers:
            for _ in message.split():
                print(shown(answers.readline().rstrip()), flush=True)
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
    except KeyboardInterrupt:
        pass
