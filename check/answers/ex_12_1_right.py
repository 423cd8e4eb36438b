# RIGHT
import socketserver
import sys

seen = set()


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        data, socket = self.request
        if self.client_address in seen:
            socket.sendto(data.upper(), self.client_address)
        seen.add(self.client_address)


host, port = sys.argv[sys.argv.index("--addr") + 1].rsplit(":", 1)
with socketserver.UDPServer((host, int(port)), Handler) as server:
    print("listening on {}:{}".format(*server.server_address), flush=True)
    server.serve_forever()
