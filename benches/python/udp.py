"""The echo server with Python's socketserver, on UDP."""

import socketserver
import time

import control


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        data, socket = self.request
        if data.startswith(b"slow"):
            time.sleep(0.05)
        socket.sendto(data, self.client_address)


name, _backlog, _task = control.arguments()


class Server(getattr(socketserver, name)):
    daemon_threads = True


control.serve(Server(("127.0.0.1", 0), Echo))
