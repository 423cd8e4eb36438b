# RIGHT
import queue
import socket
import sys
import threading

host, port = sys.argv[sys.argv.index("--addr") + 1].rsplit(":", 1)
lines = queue.Queue()


def print_lines():
    count = 0
    while (line := lines.get()) is not None:
        count += 1
        print(f"line {count}: {line}")
    print(count, "lines in all")


def attend(connection, address):
    lines.put(f"{address} connected")
    with connection:
        while data := connection.recv(1024):
            connection.sendall(data[::-1])
    lines.put(f"{address} left")


printer = threading.Thread(target=print_lines)
printer.start()
threads = []
with socket.create_server((host, int(port)), backlog=100) as listener:
    print("listening on {}:{}".format(*listener.getsockname()), flush=True)
    for _ in range(int(sys.argv[sys.argv.index("--clients") + 1])):
        threads.append(threading.Thread(target=attend, args=listener.accept(), daemon=True))
        threads[-1].start()
for thread in threads:
    thread.join()
lines.put(None)
printer.join()
