# RIGHT
import collections
import socketserver
import sys
import threading

counts = collections.Counter()
lock = threading.Lock()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            words = line.decode().lower().split()
            with lock:
                if words == ["?"]:
                    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
                else:
                    counts.update(words)
            if words == ["?"]:
                answer = ", ".join(f"{word} {count}" for word, count in ordered[:3])
                self.wfile.write((answer + "\n").encode())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


host, port = sys.argv[sys.argv.index("--addr") + 1].rsplit(":", 1)
with Server((host, int(port)), Handler) as server:
    print("listening on {}:{}".format(*server.server_address), flush=True)
    server.serve_forever()
