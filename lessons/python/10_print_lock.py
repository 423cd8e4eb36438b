"""Lesson 10: lesson 09's server with a print lock, first held too long, then briefly."""

import argparse
import socket
import sys
import threading

from support import keep_trying, split, start

print_lock = threading.Lock()
lines = 0  # how many have been printed


def bound(host, port):
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen()
    print("listening on {}:{}".format(*listener.getsockname()), flush=True)
    return listener


# [original]
def serve_original(listener):
    while True:
        connection, client = keep_trying(listener.accept)
        print_lock.acquire()  # take the lock here ..
        print(client, "connected", flush=True)
        if not start(attend_original, connection, client):
            print_lock.release()


def attend_original(connection, client):
    while data := connection.recv(1024):
        connection.sendall(data[::-1])
    connection.close()
    print(client, "left", flush=True)
    print_lock.release()  # .. free it there
# [/original]


# [serve]
def serve(listener):
    while True:
        connection, client = keep_trying(listener.accept)
        start(attend, connection, client)


def attend(connection, client):
    print_line(client, "connected")
    with connection:
        try:
            while data := connection.recv(1024):
                connection.sendall(data[::-1])
            print_line(client, "left")
        except OSError as error:
            print_line("error:", error)
# [/serve]


# [print_line]
def print_line(*words):
    global lines
    with print_lock:
        lines += 1
        print(f"line {lines}:", *words, flush=True)
# [/print_line]


# [client]
def client(host, port, line):
    with socket.create_connection((host, port), timeout=30) as stream:
        stream.sendall(line)
        answer = b""
        while len(answer) < len(line):
            data = stream.recv(1024)
            if not data:
                raise EOFError("the server closed the connection too early")
            answer += data
        print("received", answer)
        try:
            while input("Do you want to leave (y): ").strip().lower() not in ["y", "yes"]:
                pass
        except EOFError:
            print()
# [/client]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("words", nargs="*", default=["Hello, world"])
    parser.add_argument("--addr", default="127.0.0.1:12346", metavar="HOST:PORT")
    parser.add_argument("--original", action="store_true")
    args = parser.parse_intermixed_args()
    host, port = split(args.addr)
    if args.role == "client":
        client(host, port, " ".join(args.words).encode())
    elif args.original:
        serve_original(bound(host, port))
    else:
        serve(bound(host, port))


if __name__ == "__main__":
    try:
        main()
    except (OSError, EOFError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass
