# RIGHT
import socket
import sys
import time

host, port = sys.argv[sys.argv.index("--addr") + 1].rsplit(":", 1)


def attend(connection):
    until = time.monotonic() + 2
    while True:
        connection.settimeout(max(until - time.monotonic(), 0.001))
        data = connection.recv(1024)
        if not data:
            return
        connection.settimeout(max(until - time.monotonic(), 0.001))
        connection.sendall(data)  # its timeout is for all of it


with socket.create_server((host, int(port))) as listener:
    print("listening on {}:{}".format(*listener.getsockname()), flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            try:
                attend(connection)
            except OSError as error:
                print("error:", error)
