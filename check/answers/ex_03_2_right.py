# RIGHT
import socket
import sys

host, port = sys.argv[sys.argv.index("--addr") + 1].rsplit(":", 1)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect((host, int(port)))
client.settimeout(0.5)
for _ in range(3):
    client.send(sys.argv[-1].encode())
    try:
        print("received", client.recv(65535).decode())
        sys.exit()
    except socket.timeout:
        pass
sys.exit("no answer")
