"""Lesson 06: an echo server for one client at a time, and its client."""

import argparse
import socket
import sys

from support import keep_trying, shown, split


def serve(host, port, timeout):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
        print("listening on {}:{}".format(*listener.getsockname()), flush=True)
        while True:
            serve_next_client(listener, timeout)


# [serve]
def serve_next_client(listener, timeout):
    connection, address = keep_trying(listener.accept)
    print(address, "connected", flush=True)
    with connection:
        connection.settimeout(timeout)  # `None` is forever
        try:
            count = echo(connection)
            print(address, "left after", count, "bytes", flush=True)
        except OSError as error:
            print(address, "is cut off:", error, flush=True)
# [/serve]


def echo(connection):
    total = 0
    while data := connection.recv(1024):  # while this client thinks, all others wait
        connection.sendall(data)
        total += len(data)
    return total


def client(host, port, words):
    with socket.create_connection((host, port), timeout=30) as stream:
        if words:
            exchange(stream, " ".join(words))
            return
        while True:
            try:
                line = input("Your line: ")
            except EOFError:
                print()
                return
            exchange(stream, line)


def exchange(stream, message):
    data = message.encode()
    stream.sendall(data)
    print("sent    ", shown(message), flush=True)
    answer = b""
    while len(answer) < len(data):
        part = stream.recv(1024)
        if not part:
            raise EOFError("the server closed the connection too early")
        answer += part
    print("received", shown(answer), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--addr", default="127.0.0.1:9006", metavar="HOST:PORT")
    parser.add_argument("--timeout", type=int, default=0, metavar="MS", help="0: forever")
    args = parser.parse_intermixed_args()
    host, port = split(args.addr)
    if args.role == "serve":
        serve(host, port, args.timeout / 1000 or None)
    else:
        client(host, port, args.words)


if __name__ == "__main__":
    try:
        main()
    except (OSError, EOFError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass
