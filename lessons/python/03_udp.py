"""Lesson 03: a UDP server that replies to each datagram, and its client."""

import argparse
import socket
import sys

from support import any_of, keep_trying, split


# [serve]
def serve(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((host, port))
        print("listening on {}:{}".format(*server.getsockname()), flush=True)
        while True:
            try:
                reply_to_next_datagram(server)
            except OSError as error:
                print("error:", error, flush=True)


def reply_to_next_datagram(server):
    data, client = keep_trying(server.recvfrom, 65_535)
    print(client, "sent", len(data), "bytes", flush=True)
    server.sendto(b"OK..." + data, client)
# [/serve]


# [client]
def client(host, port, message):
    def ask(asker):
        asker.send(message)
        print("received", asker.recv(65_535))

    any_of(host, port, ask)  # a name can stand for several addresses
# [/client]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("words", nargs="*", default=["Hello, world"])
    parser.add_argument("--addr", default="127.0.0.1:8888", metavar="HOST:PORT")
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
