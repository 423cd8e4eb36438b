"""Lesson 02: a TCP server that sends back what it reads, and its client."""

import argparse
import socket
import sys

from support import keep_trying, split


# [serve]
def serve(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
        print("listening on {}:{}".format(*listener.getsockname()), flush=True)
        while True:
            connection, address = keep_trying(listener.accept)
            with connection:
                print(address, "connected", flush=True)
                try:
                    echo(connection)
                except OSError as error:
                    print("error:", error, flush=True)
# [/serve]


# [echo]
def echo(connection):
    while True:
        data = connection.recv(1024)
        if not data:
            return  # end of file: the client is done sending
        connection.sendall(data)
# [/echo]


# [client]
def client(host, port, message):
    with socket.create_connection((host, port), timeout=5) as stream:
        stream.sendall(message)
        answer = b""
        while len(answer) < len(message):
            data = stream.recv(1024)
            if not data:
                raise EOFError("the server closed the connection too early")
            answer += data
    print("received", answer)
# [/client]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("words", nargs="*", default=["Hello, world"])
    parser.add_argument("--addr", default="127.0.0.1:65432", metavar="HOST:PORT")
    args = parser.parse_intermixed_args()
    host, port = split(args.addr)
    if args.role == "serve":
        serve(host, port)
    else:
        client(host, port, " ".join(args.words).encode())


if __name__ == "__main__":
    try:
        main()
    except (OSError, EOFError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass
