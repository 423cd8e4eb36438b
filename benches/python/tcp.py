"""The echo server with Python's socketserver, on TCP."""

import socketserver
import time

import control


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        if task == "long-reply":
            self.request.recv(1)
            self.request.sendall(bytes(place // 1000 % 256 for place in range(300_000)))
            return
        try:
            while data := self.request.recv(size):
                if task == "slow":
                    work_on(data)
                self.request.sendall(data)
        except ConnectionError:
            pass  # the client broke off in the middle, at the end of its time


def work_on(data):
    if data.startswith(b"slow"):
        time.sleep(0.05)
    elif data.startswith(b"busy"):
        begin = time.perf_counter()
        while time.perf_counter() - begin < 0.02:
            pass


name, backlog, task = control.arguments()
size = 65536 if task == "bulk" else 512
base = getattr(socketserver, name)


class Server(base):
    daemon_threads = True
    request_queue_size = backlog or base.request_queue_size


control.serve(Server(("127.0.0.1", 0), Echo))
