# RIGHT
import socketserver
import sys
import threading
import time

values = {}
lock = threading.Lock()


def answer(line):
    if len(line.rstrip(b"\r")) > 1024:
        return b"ERROR the line is over 1024 bytes long"
    words = line.rstrip(b"\r").split(b" ", 2)
    with lock:
        match words:
            case [b"SET", key, value]:
                values[key] = value
                return b"OK"
            case [b"GET", key]:
                return b"OK " + values[key] if key in values else b"NONE"
            case [b"DEL", key]:
                return b"NONE" if values.pop(key, None) is None else b"OK"
            case [b"COUNT"]:
                return b"OK %d" % len(values)
            case [b"QUIT"]:
                return b"BYE"
    return b"ERROR write SET KEY VALUE, GET KEY, DEL KEY, COUNT or QUIT"


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.data = b""
        said = b""
        while said != b"BYE":
            try:
                line = self.line(time.monotonic() + 3)
            except TimeoutError:
                self.say(b"ERROR this took too long")
                return
            if line is None:
                return
            self.say(said := answer(line))

    def say(self, line):
        self.request.settimeout(None)
        self.request.sendall(line + b"\n")

    def line(self, end):
        while b"\n" not in self.data:
            self.request.settimeout(max(0.001, end - time.monotonic()))
            piece = self.request.recv(1000)
            if not piece:
                return None  # half a command isn't done
            if len(self.data) <= 2000 or b"\n" in piece:
                self.data += piece  # of a line that is too long, this is enough
        line, _, self.data = self.data.partition(b"\n")
        return line


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


host, port = sys.argv[sys.argv.index("--addr") + 1].rsplit(":", 1)
with Server((host, int(port)), Handler) as server:
    print("listening on {}:{}".format(*server.server_address), flush=True)
    server.serve_forever()
