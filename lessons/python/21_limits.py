"""Lesson 21: the same echo with threads, with a selector and with asyncio."""

import argparse
import asyncio
import os
import selectors
import socket
import sys
import time

from support import BackOff, keep_trying, shown, split, start


class Work:
    """A request that begins with `!` keeps its thread busy for this long."""

    def __init__(self, millis):
        self.millis = millis

    def before_replying_to(self, request):
        if request.startswith(b"!") and self.millis:
            print(f"works for {self.millis} ms", flush=True)
            time.sleep(self.millis / 1000)


# [threads]
def serve_threads(listener, work):
    def echo(stream, _):
        with stream:
            try:
                while data := stream.recv(1024):  # the thread sleeps here
                    work.before_replying_to(data)
                    stream.sendall(data)
            except OSError as error:
                print("error:", error, flush=True)

    while True:
        start(echo, *keep_trying(listener.accept))
# [/threads]


# [poll]
def serve_poll(listener, work):
    listener.setblocking(False)
    selector = selectors.DefaultSelector()  # on Linux, this one uses epoll
    selector.register(listener, selectors.EVENT_READ)
    back_off = BackOff()
    while True:
        pause = back_off.left()
        for key, _ in selector.select(pause or None):  # the thread sleeps here
            if key.fileobj is listener:
                if not back_off.left():
                    accept(listener, selector, back_off)
            else:
                go_on(key.fileobj, key.data, selector, work)


def go_on(stream, unsent, selector, work):
    """Does one step for one client."""
    try:
        if not unsent:
            unsent = stream.recv(1024)
            if not unsent:
                return leave(stream, selector)
            work.before_replying_to(unsent)
        unsent = unsent[stream.send(unsent):]  # what was not taken stays
    except BlockingIOError:
        pass
    except OSError as error:
        print("error:", error, flush=True)
        return leave(stream, selector)
    event = selectors.EVENT_WRITE if unsent else selectors.EVENT_READ
    selector.modify(stream, event, unsent)
# [/poll]


def accept(listener, selector, back_off):
    try:
        stream, _ = listener.accept()
    except BlockingIOError:
        return
    except OSError as error:
        back_off.failed(error)
        time.sleep(back_off.left())  # the listener stays ready, so the loop would spin
        return
    back_off.worked()
    stream.setblocking(False)
    selector.register(stream, selectors.EVENT_READ, b"")


def leave(stream, selector):
    selector.unregister(stream)
    stream.close()


# [tasks]
def serve_tasks(listener, work):
    async def echo(reader, writer):
        try:
            while data := await reader.read(1024):  # the task sleeps here
                work.before_replying_to(data)  # the whole thread sleeps here
                writer.write(data)
                await writer.drain()
        except OSError as error:
            print("error:", error, flush=True)
        finally:
            writer.close()

    async def main():
        server = await asyncio.start_server(echo, sock=listener)
        await server.serve_forever()

    asyncio.run(main())
# [/tasks]


def serve(host, port, kind, work):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
        print("listening on {}:{}".format(*listener.getsockname()), flush=True)
        print(f"{kind}, process {os.getpid()}", flush=True)
        kinds = {"threads": serve_threads, "poll": serve_poll, "tasks": serve_tasks}
        kinds[kind](listener, work)


def client(host, port, message):
    with socket.create_connection((host, port), timeout=20) as stream:
        stream.sendall(message)
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
    parser.add_argument("--addr", default="127.0.0.1:9021", metavar="HOST:PORT")
    parser.add_argument("--kind", choices=["threads", "poll", "tasks"], default="threads")
    parser.add_argument("--work", type=int, default=0, metavar="MS",
                        help="how long a request that begins with ! takes")
    args = parser.parse_intermixed_args()
    host, port = split(args.addr)
    if args.role == "serve":
        serve(host, port, args.kind, Work(args.work))
    else:
        client(host, port, " ".join(args.words).encode())


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass
