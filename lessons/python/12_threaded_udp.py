"""Lesson 12: a handler for each datagram, with Python's own socketserver."""

import argparse
import socketserver
import sys
import time

from support import any_of, split


# [handler]
class Upper(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request  # no connection: a datagram, and the server's socket
        print(self.client_address, "sent", len(data), "bytes", flush=True)
        text = data.strip()
        if text.startswith(b"slow"):
            time.sleep(self.server.nap)
        sock.sendto(text.upper(), self.client_address)
# [/handler]


# [serve]
class Server(socketserver.ThreadingUDPServer):
    max_packet_size = 65_535  # the default truncates datagrams after 8192 bytes
    daemon_threads = True

    def __init__(self, address, nap):
        self.nap = nap
        super().__init__(address, Upper)


def serve(host, port, nap):
    with Server((host, port), nap) as server:
        print("listening on {}:{}".format(*server.server_address), flush=True)
        server.serve_forever()
# [/serve]


# [client]
def client(host, port, message):
    def ask(asker):
        asker.send(message)
        print("received", asker.recv(65_535))

    any_of(host, port, ask)
# [/client]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("words", nargs="*", default=["Hello, world"])
    parser.add_argument("--addr", default="127.0.0.1:9999", metavar="HOST:PORT")
    parser.add_argument("--nap", type=int, default=0, metavar="MS")
    args = parser.parse_intermixed_args()
    host, port = split(args.addr)
    if args.role == "serve":
        serve(host, port, args.nap / 1000)
    else:
        client(host, port, " ".join(args.words).encode())


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass
