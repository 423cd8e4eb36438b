"""Lesson 11: a handler for each client, with Python's own socketserver."""

import argparse
import socket
import socketserver
import sys
import threading

from support import keep_trying, split


# [handler]
class Upper(socketserver.BaseRequestHandler):
    def setup(self):
        self.bytes = 0  # this client's own
        print(self.client_address, "connected", flush=True)

    def handle(self):
        while True:
            data = self.request.recv(1024)
            if not data:
                return  # the client is done sending
            self.bytes += len(data)
            with self.server.lock:
                self.server.total += len(data)  # shared by all clients
            self.request.sendall(data.upper())

    def finish(self):
        print(self.client_address, "left:", self.bytes, "bytes,",
              self.server.total, "from all clients", flush=True)
# [/handler]


# [serve]
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True  # a silent client must not keep the program alive

    def __init__(self, address):
        self.lock = threading.Lock()
        self.total = 0
        super().__init__(address, Upper)

    def get_request(self):
        # Without this, it would try again without a pause when out of file descriptors.
        return keep_trying(super().get_request)


def serve(host, port):
    with Server((host, port)) as server:
        print("listening on {}:{}".format(*server.server_address), flush=True)
        server.serve_forever()
# [/serve]


# [client]
def client(host, port, message):
    with socket.create_connection((host, port), timeout=5) as stream:
        stream.sendall(message + b"\n")
        with stream.makefile("rb") as lines:
            print("received", lines.readline())
# [/client]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("words", nargs="*", default=["Hello, world"])
    parser.add_argument("--addr", default="127.0.0.1:9999", metavar="HOST:PORT")
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
