"""Lesson 14: a chat room, and its client."""

import argparse
import queue
import socket
import socketserver
import sys
import threading
import time

from support import is_name, keep_trying, shown, split

COMMANDS = "/nick NAME, /who, /quit"
MAILBOX = 100  # lines that can wait for one client
PATIENCE = 1.0  # seconds a speaker waits for space in a full mailbox


class Room:
    def __init__(self):
        self.lock = threading.Lock()
        self.last = 0
        self.members = {}  # number: the member's handler

    def enter(self, member):
        with self.lock:
            self.last += 1
            member.number = self.last
            member.name = f"guest-{self.last}"
            member.mailbox.put(f"-- you are {member.name}: {COMMANDS}")
            self.members[member.number] = member
        self.post(f"-- {member.name} joined", but=member)

    # [post]
    def post(self, line, but=None, only=None):
        full = []
        with self.lock:
            for member in self.members.values():
                if member is not but and only in (None, member):
                    try:
                        member.mailbox.put_nowait(line)
                    except queue.Full:
                        full.append(member)
        until = time.monotonic() + PATIENCE  # and now without the lock
        for member in full:
            try:
                left = max(0.001, until - time.monotonic())
                member.mailbox.put(line, timeout=left)
            except queue.Full:
                self.leave(member, "was disconnected: does not read")
    # [/post]

    def leave(self, member, news, farewell="-- goodbye"):
        with self.lock:
            if self.members.pop(member.number, None) is None:
                return
        member.farewell = farewell
        member.gone.set()
        self.post(f"-- {member.name} {news}")

    def rename(self, member, name):
        if not is_name(name):
            self.post("-- a name has 1 to 20 letters, digits, - or _", only=member)
            return
        with self.lock:
            others = [m for m in self.members.values() if m is not member]
            taken = name.lower() in [other.name.lower() for other in others]
            if not taken:
                old, member.name = member.name, name
        if taken:
            self.post(f"-- {name} is taken", only=member)
        else:
            self.post(f"-- {old} is now {name}")


class Chat(socketserver.StreamRequestHandler):
    room = Room()

    def setup(self):
        super().setup()
        self.mailbox = queue.Queue(MAILBOX)
        self.gone = threading.Event()
        self.room.enter(self)
        self.writer = threading.Thread(target=self.deliver)
        self.writer.start()

    def handle(self):
        for line in self.rfile:
            # The system tells only one thread of a reset. If it tells the writer, this
            # might be half a line, so wait a moment for the writer.
            if self.gone.wait(0 if line.endswith(b"\n") else 0.05):
                break  # a member that has left says nothing more
            line = shown(line).rstrip("\r\n")
            word, _, rest = line.partition(" ")
            if not line.startswith("/"):
                if line.strip():
                    self.room.post(f"{self.name}: {line}", but=self)
            elif word == "/nick":
                self.room.rename(self, rest.strip())
            elif word == "/who":
                with self.room.lock:
                    names = [member.name for member in self.room.members.values()]
                self.room.post("-- here: " + ", ".join(names), only=self)
            elif word == "/quit":
                break
            else:
                self.room.post(f"-- there is no {word}, but {COMMANDS}", only=self)

    def finish(self):
        self.room.leave(self, "left")
        self.writer.join()
        super().finish()

    # [deliver]
    def deliver(self):
        try:
            while not (self.gone.is_set() and self.mailbox.empty()):
                try:
                    line = self.mailbox.get(timeout=0.05)
                except queue.Empty:
                    continue
                self.wfile.write(line.encode() + b"\n")
            self.wfile.write(self.farewell.encode() + b"\n")
            self.connection.shutdown(socket.SHUT_RDWR)  # the handler finds end of file
        except OSError:
            self.room.leave(self, "left")
    # [/deliver]


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def get_request(self):
        # Without this, it would try again without a pause when out of file descriptors.
        return keep_trying(super().get_request)


def serve(host, port):
    with Server((host, port), Chat) as server:
        print("listening on {}:{}".format(*server.server_address), flush=True)
        server.serve_forever()


# [client]
def client(host, port):
    stream = socket.create_connection((host, port))
    threading.Thread(target=type_into, args=(stream,), daemon=True).start()
    for line in stream.makefile(encoding="utf-8", errors="replace"):
        print(shown(line), end="", flush=True)


def type_into(stream):
    try:
        for line in sys.stdin:
            stream.sendall(line.encode())
        stream.shutdown(socket.SHUT_WR)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)  # the server has gone
# [/client]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("--addr", default="127.0.0.1:8000", metavar="HOST:PORT")
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
