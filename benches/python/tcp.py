"""The echo server with Python's socketserver, on TCP."""

import socketserver

import control


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while data := self.request.recv(size):
                self.request.sendall(data)
        except ConnectionError:
            pass  # the client broke off in the middle, at the end of its time


name, backlog, bulk = control.arguments()
size = 65536 if bulk else 512
base = getattr(socketserver, name)


class Server(base):
    daemon_threads = True
    request_queue_size = backlog or base.request_queue_size


control.serve(Server(("127.0.0.1", 0), Echo))
