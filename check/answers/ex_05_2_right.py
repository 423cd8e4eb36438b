# RIGHT
import socket
import sys
import time

host, port = sys.argv[sys.argv.index("--addr") + 1].rsplit(":", 1)


def attend(connection):
    connection.settimeout(5)
    count = 0
    while count <= 1000 and (data := connection.recv(1001 - count)):
        count += len(data)
    if count <= 1000:
        connection.sendall(b"%d bytes" % count)
        return
    connection.sendall(b"too long")
    connection.shutdown(socket.SHUT_WR)
    begin = time.monotonic()
    while time.monotonic() < begin + 2 and connection.recv(65536):
        pass


with socket.create_server((host, int(port))) as listener:
    print("listening on {}:{}".format(*listener.getsockname()), flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            try:
                attend(connection)
            except OSError as error:
                print("error:", error)
