"""Lesson 23: a key-value server of your own, with Python's own socketserver."""

import argparse
import socket
import socketserver
import sys
import threading

from support import keep_trying, shown, split

MAX_LINE = 1024  # bytes, without the newline
MAX_KEYS = 10_000
USAGE = "ERROR write SET KEY VALUE, GET KEY, DEL KEY, COUNT or QUIT"


# [handler]
class Handler(socketserver.StreamRequestHandler):
    timeout = 60  # seconds that a client can be silent

    def handle(self):
        try:
            while True:
                line = self.rfile.readline(MAX_LINE + 2)  # with its \r\n
                if not line:
                    return  # the client is done
                answer = self.answer(line)
                self.wfile.write(answer.encode() + b"\n")
                if answer == "BYE":
                    return
        except OSError:
            pass  # the client was silent for too long, or is gone

    def answer(self, line):
        command = line.rstrip(b"\r\n")
        if len(command) > MAX_LINE:
            while line and not line.endswith(b"\n"):
                line = self.rfile.readline(MAX_LINE)  # throw the rest away
            return f"ERROR the line is over {MAX_LINE} bytes long"
        try:
            text = command.decode()
        except UnicodeDecodeError:
            return "ERROR the line is not UTF-8"
        if not line.endswith(b"\n"):
            return "ERROR the line has no end"  # it might be half a command
        return self.server.store.answer(text)
# [/handler]


# [answer]
class Store:
    def __init__(self):
        self.lock = threading.Lock()
        self.values = {}

    def answer(self, command):
        words = command.split(" ", 2)
        count, word = len(words), words[0]
        with self.lock:  # Python doesn't mind if you forget it
            if (count, word) == (3, "SET") and words[1]:
                if len(self.values) >= MAX_KEYS and words[1] not in self.values:
                    return "ERROR the store is full"
                self.values[words[1]] = words[2]
                return "OK"
            if (count, word) == (2, "GET"):
                value = self.values.get(words[1])
                return "NONE" if value is None else f"OK {value}"
            if (count, word) == (2, "DEL"):
                return "NONE" if self.values.pop(words[1], None) is None else "OK"
            if (count, word) == (1, "COUNT"):
                return f"OK {len(self.values)}"
            return "BYE" if (count, word) == (1, "QUIT") else USAGE
# [/answer]


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True  # Ctrl-C cuts every client off: see lesson 13

    def __init__(self, address):
        self.store = Store()
        super().__init__(address, Handler)

    def get_request(self):
        return keep_trying(super().get_request)  # see lesson 11


def serve(host, port):
    with Server((host, port)) as server:
        print("listening on {}:{}".format(*server.server_address), flush=True)
        server.serve_forever()


# [client]
def client(host, port):
    with socket.create_connection((host, port), timeout=5) as stream:
        answers = stream.makefile("r", encoding="utf-8", newline="\n")
        for command in sys.stdin.buffer:  # bytes: the server judges them
            stream.sendall(command.rstrip(b"\n") + b"\n")
            answer = answers.readline().rstrip("\n")
            print(shown(answer), flush=True)
            if answer in ("BYE", ""):
                return
# [/client]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("--addr", default="127.0.0.1:9023", metavar="HOST:PORT")
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
