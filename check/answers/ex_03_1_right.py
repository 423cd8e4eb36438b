# RIGHT
import socket
import sys

host, port = sys.argv[sys.argv.index("--addr") + 1].rsplit(":", 1)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((host, int(port)))
print("listening on {}:{}".format(*server.getsockname()), flush=True)
while True:
    data, client = server.recvfrom(65535)
    server.sendto(b"too long" if len(data) > 80 else b"OK..." + data, client)
