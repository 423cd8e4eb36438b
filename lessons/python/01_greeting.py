"""Lesson 01: a TCP server that greets every client that connects, and its client."""

import argparse
import socket
import sys

from support import keep_trying, split

GREETING = b"Thank you for connecting"


# [serve]
def serve(host, port):
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen()
    print("listening on {}:{}".format(*listener.getsockname()), flush=True)
    while True:
        connection, address = keep_trying(listener.accept)  # waits for a client
        with connection:  # closes the connection at the end
            print(address, "connected", flush=True)
            try:
                connection.sendall(GREETING)
            except OSError as error:
                print("error:", error, flush=True)
# [/serve]


# [client]
def client(host, port):
    with socket.create_connection((host, port), timeout=5) as stream:
        greeting = b""
        while data := stream.recv(1024):  # until the server closes
            greeting += data
    print("received", greeting)
# [/client]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("--addr", default="127.0.0.1:1234", metavar="HOST:PORT")
    args = parser.parse_args()
    host, port = split(args.addr)
    if args.role == "serve":
        serve(host, port)
    else:
        client(host, port)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass
