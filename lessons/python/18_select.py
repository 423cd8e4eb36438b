"""Lesson 18: an echo server with one thread that waits for many sockets at once."""

import argparse
import select
import socket
import sys

from support import BackOff, keep_trying, shown, split

LIMIT = 64 * 1024  # bytes that can wait to be sent to one client
MOST = 240  # clients at once: each takes a file descriptor


# [state]
class Echo:
    """What a client's thread would keep in its variables."""

    def __init__(self, stream):
        self.stream = stream
        self.unsent = b""
        self.at_end = False

    def fileno(self):
        return self.stream.fileno()  # select accepts any object that has this method
# [/state]

    def has_room(self):
        return not self.at_end and len(self.unsent) < LIMIT

    def is_over(self):
        return self.at_end and not self.unsent

    def go_on(self):
        try:
            self.read_and_write()
        except BlockingIOError:
            pass
        except OSError as error:
            print("error:", error, flush=True)
            self.unsent, self.at_end = b"", True

    def read_and_write(self):
        if self.has_room():
            try:
                data = self.stream.recv(16 * 1024)
                self.unsent += data
                self.at_end = not data
            except BlockingIOError:
                pass
        if self.unsent:
            count = self.stream.send(self.unsent)
            self.unsent = self.unsent[count:]  # the rest stays for the next time


back_off = BackOff()  # out of file descriptors: accept no client for a while


# [turn]
def turn(listener, clients, timeout):
    """Waits until a socket is ready, and does what can be done. None: no timeout."""
    pause = back_off.left()
    timeout = pause or timeout
    listening = [listener] if len(clients) < MOST and not pause else []
    reading = [client for client in clients if client.has_room()]
    writing = [client for client in clients if client.unsent]
    ready = select.select(listening + reading, writing, reading, timeout)
    readable, writable, exceptional = map(set, ready)
    if exceptional:
        print("something urgent has come", flush=True)
    for client in (readable | writable | exceptional) - {listener}:
        client.go_on()
        if client.is_over():
            client.stream.close()
            clients.remove(client)
    if listener in readable:
        try:
            stream, address = listener.accept()
        except OSError as error:
            return back_off.failed(error)
        back_off.worked()
        print("{}:{} connected".format(*address), flush=True)
        stream.setblocking(False)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        clients.append(Echo(stream))
# [/turn]


def serve(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
        listener.setblocking(False)
        print("listening on {}:{}".format(*listener.getsockname()), flush=True)
        clients = []
        while True:
            keep_trying(turn, listener, clients, None)


def client(host, port, message, urgent):
    with socket.create_connection((host, port), timeout=5) as stream:
        stream.sendall(message, socket.MSG_OOB if urgent else 0)
        answer = b""
        while len(answer) < len(message):
            data = stream.recv(4096)
            if not data:
                raise EOFError("the server closed the connection too early")
            answer += data
    print("received", shown(answer))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("words", nargs="*", default=["Hello, world"])
    parser.add_argument("--addr", default="127.0.0.1:9018", metavar="HOST:PORT")
    parser.add_argument("--urgent", action="store_true", help="send the last byte as urgent")
    args = parser.parse_intermixed_args()
    host, port = split(args.addr)
    if args.role == "serve":
        serve(host, port)
    else:
        client(host, port, " ".join(args.words).encode(), args.urgent)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass
