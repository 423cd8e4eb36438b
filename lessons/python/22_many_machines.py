"""Lesson 22: one chat room on many servers, with Redis between them."""

import argparse
import os
import queue
import socket
import socketserver
import sys
import threading
import time
from collections import deque

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError:
    redis = None

from support import is_name, keep_trying, shown, split

COMMANDS = "/nick NAME, /who, /quit"
STREAM, NAME = "{chat}", "{chat}:name:"
LONGEST = 4000  # bytes of a line
LEASE = 10  # seconds for which a name is kept without a renewal


class Lost(Exception):
    """A line was not said, or it isn't known whether it was."""


# [broker]
class Broker:
    def __init__(self, url):
        # Its own retries would send a line again without our knowing.
        # One connection to speak, one to read.
        self.client, self.reader = (
            redis.Redis.from_url(url, decode_responses=True, encoding_errors="replace",
                                 socket_timeout=1, socket_connect_timeout=1,
                                 retry=Retry(NoBackoff(), 0)) for _ in range(2))
        self.me = f"{time.time_ns() // 1000}-{os.getpid()}-py"
        self.lock = threading.Lock()
        self.number = 0
        self.unsettled = False
        self.pending = {}  # number: (member, text), until it comes back

    def say(self, line, member=None, text=""):
        with self.lock:
            number = self.number + 1
            self.pending[number] = (member, text)
            answered = self.add(number, {"line": line})
            if answered is None:
                del self.pending[number]
                raise Lost("not said")
            self.number = number
            if not answered:
                self.unsettled = True
                raise Lost("not known yet whether this was said")

    def add(self, number, fields):
        """True: it is in the stream. False: no answer. None: certainly not."""
        sent = False
        for _ in range(2):  # sent twice, it is still read once
            try:
                self.client.ping()  # opens a connection if there is none
                sent, before = True, sent
                self.client.xadd(STREAM, {"by": self.me, "n": number, **fields},
                                 maxlen=1000, approximate=True)
                return True
            except redis.ResponseError:  # an answer: no
                return False if before else None
            except (redis.RedisError, OSError):
                self.client.connection_pool.disconnect()
        return False if sent else None

    def settle(self):
        with self.lock:
            if self.unsettled:
                self.number += 1
                self.unsettled = not self.add(self.number, {})
# [/broker]

    def owner(self, member):
        return f"{self.me} {member.number} "

    def take(self, member, name):
        key, owner = NAME + name.lower(), self.owner(member)
        if self.client.set(key, owner + name, nx=True, ex=LEASE):
            return True
        if not (self.client.get(key) or "").startswith(owner):
            return False
        self.client.set(key, owner + name, ex=LEASE)
        return True

    def free(self, member, name):
        try:
            if (self.client.get(NAME + name.lower()) or "").startswith(self.owner(member)):
                self.client.delete(NAME + name.lower())
        except redis.RedisError:
            pass  # it ends by itself

    def guest(self, member):
        while True:
            name = f"guest-{self.client.incr(STREAM + ':guests')}"
            if self.take(member, name):
                return name

    def names(self):
        keys = list(self.client.scan_iter(NAME + "*"))
        owners = self.client.mget(keys) if keys else []
        return sorted(owner.split(" ", 2)[2] for owner in owners if owner)


def place(entry):
    """Where an entry is in the stream: milliseconds, and a number."""
    return [int(part) for part in entry.split("-")]


class Room:
    def __init__(self, broker):
        self.broker = broker
        self.lock = threading.Lock()
        self.last = 0
        self.members = {}
        self.history = deque(maxlen=20)
        self.ready = False

    def enter(self, member):
        with self.lock:
            self.last += 1
            member.number = self.last
        if not self.ready:
            raise redis.ConnectionError()
        member.name = self.broker.guest(member)
        with self.lock:
            member.mailbox.put(f"-- you are {member.name}: {COMMANDS}")
            for line in self.history:
                member.mailbox.put(line)
            self.members[member.number] = member

    def post(self, line):
        try:
            self.broker.say(line)
        except Lost:
            pass  # news

    def deliver(self, line):
        with self.lock:
            self.history.append(line)
            members = list(self.members.values())
        until = time.monotonic() + 1
        for member in members:
            try:
                member.mailbox.put(line, timeout=max(0.001, until - time.monotonic()))
            except queue.Full:
                self.leave(member, "-- disconnected: you do not read")

    def leave(self, member, farewell="-- goodbye"):
        with self.lock:
            if self.members.pop(member.number, None) is None:
                return
        member.farewell = farewell
        member.gone.set()
        self.broker.free(member, member.name)
        self.post(f"-- {member.name} left")

    # [follow]
    def follow(self):
        last, seen, cut_off = "0-0", {}, False
        while True:
            try:
                last, new = self.reset(last), True
                while True:
                    answer = self.broker.reader.xread({STREAM: last}, count=100, block=300)
                    entries = answer[0][1] if answer else []
                    # What is kept behind a gap always fills a whole answer.
                    if (new or len(entries) == 100) and self.has_gap(last):
                        self.deliver("-- lines may be missing here: "
                                     "this server was too far behind")
                    new = False
                    for last, fields in entries:
                        self.understand(fields, seen)
                    if not entries and cut_off:
                        cut_off = False
                        self.deliver("-- together with the other servers again")
                    self.ready = self.ready or not entries
                    self.renew()
            except (redis.RedisError, OSError) as error:
                self.broker.reader.connection_pool.disconnect()
                self.ready = False
                if not cut_off:
                    cut_off = True
                    print(f"error: the broker is away: {error}; I keep trying", flush=True)
                    self.deliver("-- cut off from the other servers")
                time.sleep(0.2)
    # [/follow]

    def has_gap(self, last):
        """Whether the stream no longer holds the entry after the last one read."""
        oldest = self.broker.reader.xrange(STREAM, count=1)
        return last != "0-0" and bool(oldest) and place(oldest[0][0]) > place(last)

    def reset(self, last):
        """Where to go on: at the beginning, if the broker has forgotten."""
        newest = self.broker.reader.xrevrange(STREAM, count=1)
        if place(newest[0][0] if newest else "0-0") >= place(last):
            return last
        self.deliver("-- the broker has forgotten: lines may be missing here")
        for number in sorted(self.broker.pending):
            member, text = self.broker.pending.pop(number)
            if member:
                member.tell(f"perhaps not said, the broker has forgotten: {text}")
        return "0-0"

    def understand(self, fields, seen):
        by, number = fields.get("by", ""), fields.get("n", "")
        if number.isdecimal():
            if int(number) <= seen.get(by, 0):
                return  # sent twice
            seen[by] = int(number)
            if by == self.broker.me:
                for old in sorted(n for n in self.broker.pending if n <= int(number)):
                    member, text = self.broker.pending.pop(old)
                    if member and (old < int(number) or "line" not in fields):
                        member.tell(f"not said: {text}")
        if "line" in fields:
            self.deliver(shown(fields["line"]).replace("\n", "\ufffd"))

    renewed = 0

    def renew(self):
        if time.monotonic() < self.renewed + 1:
            return
        self.renewed = time.monotonic()
        self.broker.settle()
        with self.lock:
            members = list(self.members.values())
        for member in members:
            name = member.name
            try:
                if not self.broker.take(member, name):
                    member.name = self.broker.guest(member)
                    member.tell(f"{name} is taken at another server: you are {member.name}")
            except redis.RedisError:
                return


class Chat(socketserver.StreamRequestHandler):
    def handle(self):
        self.room, broker = self.server.room, self.server.room.broker
        self.mailbox, self.gone = queue.Queue(100), threading.Event()
        try:
            self.room.enter(self)
        except redis.RedisError:
            self.wfile.write(b"-- the broker does not answer: come back later\n")
            return
        writer = threading.Thread(target=self.write)
        writer.start()
        self.room.post(f"-- {self.name} joined")
        try:
            for line in self.lines():
                line = shown(line).rstrip("\r\n")
                word, _, rest = line.partition(" ")
                try:
                    if not line.startswith("/"):
                        if line.strip():
                            broker.say(f"{self.name}: {line}", self, line)
                    elif word == "/nick":
                        self.rename(rest.strip())
                    elif word == "/who":
                        self.tell("here: " + ", ".join(broker.names()))
                    elif word == "/quit":
                        break
                    else:
                        self.tell(f"there is no {word}, but {COMMANDS}")
                except (Lost, redis.RedisError) as error:
                    why = error if isinstance(error, Lost) else "not done"
                    self.tell(f"{why}: {line}")
        finally:
            self.room.leave(self)
            writer.join()

    def lines(self):
        """The client's lines, without those that can't be passed on."""
        while line := self.rfile.readline(LONGEST + 1):
            rest = line
            while rest and not rest.endswith(b"\n"):
                rest = self.rfile.readline(LONGEST + 1)
                line = line[:LONGEST] + rest[:1]
            # The system tells only one thread of a reset. If it tells the writer, this might
            # be half a line, so wait a moment for the writer.
            if self.gone.wait(0 if rest else 0.05):
                return  # a member that has left says nothing more
            try:
                if len(line.rstrip(b"\r\n")) > LONGEST:
                    raise ValueError
                yield line.decode()
            except ValueError:
                self.tell("that was not passed on: too long, or not UTF-8")

    def tell(self, text):
        try:
            self.mailbox.put(f"-- {text}", timeout=1)
        except queue.Full:
            pass

    def rename(self, name):
        old = self.name
        if not is_name(name):
            self.tell("a name has 1 to 20 letters, digits, - or _")
        elif not self.room.broker.take(self, name):
            self.tell(f"{name} is taken")
        else:
            self.name = name
            if old.lower() != name.lower():
                self.room.broker.free(self, old)
            self.room.post(f"-- {old} is now {name}")

    def write(self):
        try:
            while not (self.gone.is_set() and self.mailbox.empty()):
                try:
                    line = self.mailbox.get(timeout=0.05)
                except queue.Empty:
                    continue
                self.wfile.write(line.encode(errors="replace") + b"\n")
            self.wfile.write(self.farewell.encode() + b"\n")
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            self.room.leave(self)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def get_request(self):
        return keep_trying(super().get_request)


def serve(host, port, broker):
    with Server((host, port), Chat) as server:
        server.room = Room(Broker(broker))
        threading.Thread(target=server.room.follow, daemon=True).start()
        print("listening on {}:{}".format(*server.server_address), flush=True)
        server.serve_forever()


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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("--addr", default="127.0.0.1:8000", metavar="HOST:PORT")
    parser.add_argument("--broker", default="redis://127.0.0.1:6379", metavar="URL")
    args = parser.parse_args()
    host, port = split(args.addr)
    if args.role == "client":
        client(host, port)
    elif redis is None:
        sys.exit("error: this needs the package redis: python3 -m pip install redis")
    else:
        serve(host, port, args.broker)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass
