# RIGHT
import socket
import sys
import threading

host, port = sys.argv[sys.argv.index("--addr") + 1].rsplit(":", 1)
message = b"x" * int(sys.argv[sys.argv.index("--bytes") + 1])
with socket.create_connection((host, int(port))) as connection:
    sender = threading.Thread(target=connection.sendall, args=[message], daemon=True)
    sender.start()
    answer = bytearray()
    while len(answer) < len(message):
        data = connection.recv(65536)
        if not data:
            sys.exit("the server closed too early")
        answer += data
if answer != message:
    sys.exit("other bytes came back")
print(len(answer), "bytes came back")
