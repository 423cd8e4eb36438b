"""Lesson 09: a server with a thread for each client. It sends back reversed bytes."""

import argparse
import socket
import sys

from support import keep_trying, split, start


# [serve]
def serve(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
        print("listening on {}:{}".format(*listener.getsockname()), flush=True)
        while True:
            connection, client = keep_trying(listener.accept)
            start(attend, connection, client)  # `threading.Thread(..).start()`
# [/serve]


# [attend]
def attend(connection, client):
    with connection:
        print(client, "connected", flush=True)
        try:
            while data := connection.recv(1024):
                connection.sendall(data[::-1])
            print(client, "left", flush=True)
        except OSError as error:
            print("error:", error, flush=True)
# [/attend]


# [client]
def client(host, port, line):
    with socket.create_connection((host, port), timeout=5) as stream:
        while line is not None:
            talk(stream, line.encode())
            line = ask("Your line: ") if goes_on() else None
# [/client]


def talk(stream, line):
    stream.sendall(line)
    answer = b""
    while len(answer) < len(line):
        data = stream.recv(1024)
        if not data:
            raise EOFError("the server closed the connection too early")
        answer += data
    print("received", answer)


def goes_on():
    while (answer := ask("Do you want to continue (y/n): ")) is not None:
        if answer.strip().lower() in ["y", "yes", "n", "no"]:
            return answer.strip().lower() in ["y", "yes"]
    return False


def ask(prompt):
    try:
        return input(prompt)
    except EOFError:
        print()
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--addr", default="127.0.0.1:12345", metavar="HOST:PORT")
    args = parser.parse_intermixed_args()
    host, port = split(args.addr)
    if args.role == "serve":
        serve(host, port)
    else:
        client(host, port, " ".join(args.words) or ask("Your line: "))


if __name__ == "__main__":
    try:
        main()
    except (OSError, EOFError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass
