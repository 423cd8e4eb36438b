"""Lesson 05: a TCP server that counts what it gets, and a client that says when it is done."""

import argparse
import socket
import sys

from support import keep_trying, split


def serve(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
        print("listening on {}:{}".format(*listener.getsockname()), flush=True)
        while True:
            try:
                serve_next_client(listener)
            except OSError as error:
                print("error:", error, flush=True)


# [serve]
def serve_next_client(listener):
    connection, address = keep_trying(listener.accept)
    with connection:  # closes the connection at the end
        connection.settimeout(5)
        count = 0
        while data := connection.recv(65_536):  # until end of file
            count += len(data)
        print(address, "sent", count, "bytes, then end of file", flush=True)
        connection.sendall(f"{count} bytes".encode())
# [/serve]


# [client]
def client(host, port, message, keep_open):
    with socket.create_connection((host, port), timeout=2) as stream:
        stream.sendall(message)
        if not keep_open:
            stream.shutdown(socket.SHUT_WR)  # "that was all"
        reply = b""
        while data := stream.recv(1024):  # the other half is still open
            reply += data
    print("received", reply)
# [/client]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("words", nargs="*", default=["Hello, world"])
    parser.add_argument("--addr", default="127.0.0.1:9005", metavar="HOST:PORT")
    parser.add_argument("--keep-open", action="store_true", help="do not say: that was all")
    args = parser.parse_intermixed_args()
    host, port = split(args.addr)
    if args.role == "serve":
        serve(host, port)
    else:
        client(host, port, " ".join(args.words).encode(), args.keep_open)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass
