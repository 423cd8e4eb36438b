# RIGHT
import socketserver
import sys
import threading

values = {}
lock = threading.Lock()


def answer(message):
    words = message.split(b" ", 2)
    with lock:
        match words:
            case [b"SET", key, value]:
                values[key.decode()] = value
                return b"OK"
            case [b"GET", key]:
                value = values.get(key.decode())
                return b"NONE" if value is None else b"OK " + value
            case [b"DEL", key]:
                return b"NONE" if values.pop(key.decode(), None) is None else b"OK"
            case [b"COUNT"]:
                return b"OK %d" % len(values)
            case [b"QUIT"]:
                return b"BYE"
    return b"ERROR send SET KEY VALUE, GET KEY, DEL KEY, COUNT or QUIT"


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        last = False
        while not last:
            length = self.rfile.read(4)
            if len(length) < 4:
                return
            length = int.from_bytes(length, "big")
            if length > 1024:
                self.send(b"ERROR the message is over 1024 bytes long")
                return
            message = self.rfile.read(length)
            if len(message) < length:
                return  # it broke off
            self.send(said := answer(message))
            last = said == b"BYE"

    def send(self, message):
        self.wfile.write(len(message).to_bytes(4, "big") + message)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


host, port = sys.argv[sys.argv.index("--addr") + 1].rsplit(":", 1)
with Server((host, int(port)), Handler) as server:
    print("listening on {}:{}".format(*server.server_address), flush=True)
    server.serve_forever()
