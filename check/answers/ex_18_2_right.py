# RIGHT
import selectors
import socket
import sys
import time

host, port = sys.argv[sys.argv.index("--addr") + 1].rsplit(":", 1)
IDLE = int(sys.argv[sys.argv.index("--idle") + 1]) / 1000
LIMIT = 65536
selector = selectors.DefaultSelector()
clients = {}  # what has not been sent back, and when the client was heard last


def watch(connection, unsent):
    events = selectors.EVENT_READ if len(unsent) < LIMIT else 0
    events |= selectors.EVENT_WRITE if unsent else 0
    selector.modify(connection, events)


def leave(connection):
    selector.unregister(connection)
    del clients[connection]
    connection.close()


def go_on(connection, events):
    unsent, heard = clients[connection]
    if events & selectors.EVENT_READ:
        data = connection.recv(16384)
        if not data:
            return leave(connection)
        unsent, heard = unsent + data, time.monotonic()
    if unsent:
        try:
            unsent = unsent[connection.send(unsent):]
        except BlockingIOError:
            pass
    clients[connection] = unsent, heard
    watch(connection, unsent)


with socket.create_server((host, int(port))) as listener:
    print("listening on {}:{}".format(*listener.getsockname()), flush=True)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        due = min((heard + IDLE for _, heard in clients.values()), default=None)
        ready = selector.select(due and max(due - time.monotonic(), 0))
        for key, events in ready:
            if key.fileobj is listener:
                connection, _ = listener.accept()
                connection.setblocking(False)
                clients[connection] = b"", time.monotonic()
                selector.register(connection, selectors.EVENT_READ)
                continue
            try:
                go_on(key.fileobj, events)
            except OSError:
                leave(key.fileobj)
        now = time.monotonic()
        for connection, (_, heard) in list(clients.items()):
            if heard + IDLE <= now:
                leave(connection)
