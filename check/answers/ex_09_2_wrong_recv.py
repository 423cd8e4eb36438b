# WRONG: its two bytes can come in two reads
import socketserver
import sys


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.request.recv(1024):
            text = line.decode(errors="replace")
            end = "\n" if text.endswith("\n") else ""
            self.wfile.write((text.rstrip("\n")[::-1] + end).encode())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


host, port = sys.argv[sys.argv.index("--addr") + 1].rsplit(":", 1)
with Server((host, int(port)), Handler) as server:
    print("listening on {}:{}".format(*server.server_address), flush=True)
    server.serve_forever()
