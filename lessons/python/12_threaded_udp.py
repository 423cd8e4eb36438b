"""Lesson 12: a handler for each datagram, on Python's own socketserver."""

import argparse
import socket
import socketserver
import time


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
    max_packet_size = 65_535  # or else what is longer than 8192 bytes is cut
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
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(5)
        asker.connect((host, port))  # sends nothing
        asker.send(message)
        print("received", asker.recv(65_535))
# [/client]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("words", nargs="*", default=["Hello, world"])
    parser.add_argument("--addr", default="127.0.0.1:9999", metavar="HOST:PORT")
    parser.add_argument("--nap", type=int, default=0, metavar="MS")
    args = parser.parse_intermixed_args()
    host, _, port = args.addr.rpartition(":")
    if args.role == "serve":
        serve(host, int(port), args.nap / 1000)
    else:
        client(host, int(port), " ".join(args.words).encode())


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
