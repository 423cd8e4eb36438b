"""Lesson 19: the chat room in a browser, with Tornado."""

import argparse
import asyncio
import contextlib
import pathlib
import signal
import socket
import sys
import threading
import unicodedata

from support import shown, split

try:
    from tornado.httpserver import HTTPServer
    from tornado.web import Application, RequestHandler
    from tornado.websocket import (
        WebSocketClosedError, WebSocketHandler, websocket_connect,
    )
except ImportError:
    sys.exit("error: this program needs Tornado. To install it: "
             "python3 -m pip install tornado")

COMMANDS = "/nick NAME, /who, /quit"
PAGE = pathlib.Path(__file__).parents[2] / "examples/19_websocket/page.html"


class Page(RequestHandler):
    def get(self):
        self.finish(PAGE.read_text(encoding="utf-8"))


# [handler]
class WebChat(WebSocketHandler):
    members = {}  # number: handler. All run on one thread, so there is no lock
    last = 0

    def open(self):
        WebChat.last += 1
        self.number, self.name = WebChat.last, f"guest-{WebChat.last}"
        self.tell(f"-- you are {self.name}: {COMMANDS}")
        self.post(f"-- {self.name} joined")
        self.members[self.number] = self

    def on_message(self, line):
        if isinstance(line, bytes):
            self.close(1003, "only text, please")
        else:
            self.handle_line(shown(line.replace("\n", "\0")))

    def on_close(self):
        if self.members.pop(self.number, None):
            self.post(f"-- {self.name} left")

    def post(self, line):
        for member in list(self.members.values()):
            if member is not self:
                member.tell(line)

    def tell(self, line):
        try:
            sent = self.write_message(line)  # doesn't wait, and keeps what isn't sent
            sent.add_done_callback(lambda it: it.cancelled() or it.exception())
        except WebSocketClosedError:
            pass  # it has gone; `on_close` is called
    # [/handler]

    def handle_line(self, line):
        word, _, rest = line.partition(" ")
        if not line.startswith("/"):
            if line.strip():
                self.post(f"{self.name}: {line}")
        elif word == "/nick":
            self.rename(rest.strip())
        elif word == "/who":
            names = [member.name for member in self.members.values()]
            self.tell("-- here: " + ", ".join(names))
        elif word == "/quit":
            self.tell("-- goodbye")
            self.close(1000, "goodbye")
        else:
            self.tell(f"-- there is no {word}, but {COMMANDS}")

    def rename(self, name):
        names = [m.name.lower() for m in self.members.values() if m is not self]
        if not is_name(name):
            self.tell("-- a name has 1 to 20 letters, digits, - or _")
        elif name.lower() in names:
            self.tell(f"-- {name} is taken")
        else:
            old, self.name = self.name, name
            self.tell(f"-- {old} is now {name}")
            self.post(f"-- {old} is now {name}")


def is_name(name):
    """Whether this may be a name. (Lesson 14 is stricter: it knows letters without a shape.)"""
    kinds = [unicodedata.category(letter)[0] for letter in name]
    return 1 <= len(name) <= 20 and kinds[0] != "M" and all(
        kind in "LMN" or letter in "-_" for kind, letter in zip(kinds, name)
    )


# [serve]
async def serve(host, port):
    app = Application(
        [("/", Page), ("/chat", WebChat)],
        websocket_ping_interval=20,
        websocket_ping_timeout=20,
        websocket_max_message_size=4000,
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    listener.setblocking(False)
    server = HTTPServer(app)
    server.add_socket(listener)
    print("listening on {}:{}".format(*listener.getsockname()), flush=True)

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C just ends it
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    server.stop()  # accepts no more clients; the open connections stay
    for member in list(WebChat.members.values()):
        member.tell("-- the server stops: goodbye")
        member.close(1001, "the server stops")
    await server.close_all_connections()
# [/serve]


async def client(host, port):
    room = await websocket_connect(f"ws://{host}:{port}/chat")
    loop = asyncio.get_running_loop()
    threading.Thread(target=type_into, args=(room, loop), daemon=True).start()
    while (line := await room.read_message()) is not None:
        print(shown(line), flush=True)
    if room.close_code is None:
        print("(the connection ended without a close frame)", flush=True)
    else:
        end = f"{room.close_code} {room.close_reason or ''}".rstrip()
        print(f"(closed: {shown(end)})", flush=True)


def type_into(room, loop):
    for line in sys.stdin:
        loop.call_soon_threadsafe(room.write_message, line.rstrip("\r\n"))
    loop.call_soon_threadsafe(room.close, 1000)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("--addr", default="127.0.0.1:5000", metavar="HOST:PORT")
    args = parser.parse_args()
    asyncio.run((serve if args.role == "serve" else client)(*split(args.addr)))


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass
