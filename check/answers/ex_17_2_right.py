# RIGHT
import socket
import sys

host, port = sys.argv[sys.argv.index("--addr") + 1].rsplit(":", 1)
clients = {}
with socket.create_server((host, int(port))) as listener:
    print("listening on {}:{}".format(*listener.getsockname()), flush=True)
    listener.setblocking(False)
    while True:
        try:
            connection, _ = listener.accept()
            connection.setblocking(False)
            clients[connection] = 0
        except BlockingIOError:
            pass
        for connection in list(clients):
            try:
                data = connection.recv(65536)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            clients[connection] += len(data)
            if not data:
                print(clients.pop(connection), "bytes came")
                connection.close()
