"""What Python's socketserver does on a fault.

    python3 tests/reliability.py FAULT     prints one sentence
    python3 tests/reliability.py --list    prints the names of all faults

Each sentence comes from running the fault, not from reading the code. The table in
lessons/reliability.md quotes the sentences, and a test compares them.
"""

import io
import os
import resource
import socket
import socketserver
import struct
import sys
import tempfile
import threading
import time
from contextlib import redirect_stderr

ADDRESS = ("127.0.0.1", 0)
FAULTS = {}


def fault(function):
    FAULTS[function.__name__] = function
    return function


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        data = self.request.recv(1024)
        self.request.sendall(data)


class Waiting(socketserver.BaseRequestHandler):
    """A handler that reads until its client is done sending."""

    def handle(self):
        while self.request.recv(1024):
            pass


def in_background(function, *args):
    thread = threading.Thread(target=function, args=args, daemon=True)
    thread.start()
    return thread


def serving(server):
    return in_background(server.serve_forever)


def connect(server):
    return socket.create_connection(server.server_address, timeout=10)


def wait_until(condition):
    until = time.monotonic() + 10
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(condition)
        time.sleep(0.005)


def ends_within(thread, seconds=1.5):
    thread.join(seconds)
    return not thread.is_alive()


# ---- stopping ---------------------------------------------------------------------


@fault
def shutdown_from_a_handler():
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.server.shutdown()

    server = socketserver.TCPServer(ADDRESS, Handler)
    thread = serving(server)
    connect(server)
    return "the server stops" if ends_within(thread) else "the server hangs"


@fault
def shutdown_before_serving():
    server = socketserver.TCPServer(ADDRESS, Echo)
    thread = in_background(server.shutdown)
    return "it returns" if ends_within(thread) else "it never returns"


@fault
def stopping_an_idle_server():
    longest = 0
    for _ in range(3):
        server = socketserver.TCPServer(ADDRESS, Echo)
        serving(server)
        time.sleep(0.05)
        begin = time.monotonic()
        server.shutdown()
        longest = max(longest, time.monotonic() - begin)
    return "it polls: up to half a second passes" if longest > 0.1 else "at once"


@fault
def an_idle_client_at_the_end():
    server = socketserver.ThreadingTCPServer(ADDRESS, Waiting)
    serving(server)
    client = connect(server)
    wait_until(lambda: threading.active_count() > 2)
    server.shutdown()
    thread = in_background(server.server_close)
    ends = ends_within(thread)
    client.close()
    return "the server stops" if ends else "the server waits for that client, forever"


# ---- hooks and handlers ---------------------------------------------------------------


@fault
def a_hook_that_raises():
    class Server(socketserver.TCPServer):
        def verify_request(self, request, client_address):
            raise ValueError("trouble")

    server = Server(ADDRESS, Echo)
    threading.excepthook = lambda args: None
    thread = serving(server)
    connect(server)
    return "the server ends" if ends_within(thread) else "the server goes on"


@fault
def handle_error_that_raises():
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            raise ValueError("trouble")

    class Server(socketserver.TCPServer):
        def handle_error(self, request, client_address):
            raise ValueError("more trouble")

    server = Server(ADDRESS, Handler)
    threading.excepthook = lambda args: None
    thread = serving(server)
    connect(server)
    return "the server ends" if ends_within(thread) else "the server goes on"


@fault
def a_handler_that_raises():
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            if self.request.recv(1024) == b"raise":
                raise ValueError("trouble")
            self.request.sendall(b"fine")

    server = socketserver.ThreadingTCPServer(ADDRESS, Handler)
    errors = io.StringIO()
    with redirect_stderr(errors):
        serving(server)
        client = connect(server)
        client.sendall(b"raise")
        client.recv(1024)
        other = connect(server)
        other.sendall(b"hello")
        reply = other.recv(1024)
        wait_until(lambda: "trouble" in errors.getvalue())
    return "a traceback; the server goes on" if reply == b"fine" else "the server ends"


@fault
def a_client_that_resets():
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            ready.wait(10)
            self.request.recv(1024)

    ready = threading.Event()
    server = socketserver.ThreadingTCPServer(ADDRESS, Handler)
    errors = io.StringIO()
    with redirect_stderr(errors):
        serving(server)
        client = connect(server)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        ready.set()
        time.sleep(0.3)
    return "a traceback" if "Traceback" in errors.getvalue() else "nothing is printed"


# ---- limits ---------------------------------------------------------------------------


@fault
def two_hundred_clients_at_once():
    server = socketserver.ThreadingTCPServer(ADDRESS, Waiting)
    server.socket.listen(200)
    serving(server)
    clients = [connect(server) for _ in range(200)]
    wait_until(lambda: threading.active_count() >= len(clients) + 2)
    return f"{threading.active_count() - 2} threads, and no limit"


@fault
def a_silent_client():
    ended = threading.Event()

    class Handler(Waiting):
        def finish(self):
            ended.set()

    server = socketserver.ThreadingTCPServer(ADDRESS, Handler)
    serving(server)
    client = connect(server)
    outcome = "it is disconnected" if ended.wait(1) else "the handler waits, forever"
    client.close()
    return outcome


@fault
def a_line_without_an_end():
    lengths = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            lengths.append(len(self.rfile.readline()))

    server = socketserver.ThreadingTCPServer(ADDRESS, Handler)
    serving(server)
    client = connect(server)
    client.sendall(b"x" * 10_000_000)
    client.close()
    wait_until(lambda: lengths)
    return f"{lengths[0] // 1_000_000} MB sent, {lengths[0] // 1_000_000} MB in memory"


@fault
def no_file_descriptor_left():
    accepts = 0

    class Server(socketserver.TCPServer):
        def get_request(self):
            nonlocal accepts
            accepts += 1
            return super().get_request()

    server = Server(ADDRESS, Waiting)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    serving(server)
    time.sleep(0.05)
    # One for the client; then take all that are left.
    client = socket.socket()
    taken = []
    try:
        while True:
            taken.append(os.dup(0))
    except OSError:
        pass
    client.connect(server.server_address)
    time.sleep(0.5)
    busy = accepts > 500
    return "the server silently tries again, without a pause" if busy else "it waits"


@fault
def no_thread_left():
    start = threading.Thread.start

    def no_start(thread):
        if thread.name.startswith("Thread") and "process_request" in repr(thread._target):
            raise RuntimeError("can't start new thread")
        start(thread)

    server = socketserver.ThreadingTCPServer(ADDRESS, Echo)
    errors = io.StringIO()
    with redirect_stderr(errors):
        serving(server)
        threading.Thread.start = no_start
        client = connect(server)
        client.recv(1024)
        threading.Thread.start = start
        server.shutdown()
        try:
            server.server_close()
        except RuntimeError:
            return "the client is rejected; later, server_close raises"
    return "the client is rejected"


# ---- datagrams ------------------------------------------------------------------------


@fault
def a_large_datagram():
    lengths = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            lengths.append(len(self.request[0]))

    server = socketserver.UDPServer(ADDRESS, Handler)
    serving(server)
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.sendto(b"x" * 20_000, server.server_address)
    wait_until(lambda: lengths)
    return f"20000 bytes are silently truncated to {lengths[0]}"


@fault
def a_datagram_without_a_reply():
    class Handler(socketserver.DatagramRequestHandler):
        def handle(self):
            pass

    server = socketserver.UDPServer(ADDRESS, Handler)
    serving(server)
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(1)
    client.sendto(b"hello", server.server_address)
    try:
        return f"a reply of {len(client.recv(1024))} bytes is sent"
    except socket.timeout:
        return "nothing is sent"


@fault
def a_slow_datagram():
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            data, sock = self.request
            if data == b"slow":
                time.sleep(0.5)
            sock.sendto(data, self.client_address)

    server = socketserver.UDPServer(ADDRESS, Handler)
    serving(server)
    slow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    slow.sendto(b"slow", server.server_address)
    quick = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    quick.settimeout(5)
    begin = time.monotonic()
    quick.sendto(b"quick", server.server_address)
    quick.recv(1024)
    waited = time.monotonic() - begin > 0.25
    return "the others wait (UDPServer)" if waited else "the others do not wait"


# ---- files and bytes ------------------------------------------------------------------


@fault
def the_file_of_a_unix_socket():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "server")
        with socketserver.UnixStreamServer(path, Echo):
            pass
        try:
            with socketserver.UnixStreamServer(path, Echo):
                return "it is removed"
        except OSError:
            return "it stays, and the next server cannot bind"


@fault
def input_that_nobody_reads():
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"goodbye")

    server = socketserver.ThreadingTCPServer(ADDRESS, Handler)
    serving(server)
    client = connect(server)
    client.sendall(b"x" * 1000)
    reply = b""
    try:
        while part := client.recv(1024):
            reply += part
    except ConnectionResetError:
        return "the connection is reset"
    return "the reply arrives" if reply == b"goodbye" else "the reply is lost"


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(FAULTS))
    else:
        print(FAULTS[sys.argv[1]](), flush=True)
        os._exit(0)  # some of the servers above will never end by themselves


if __name__ == "__main__":
    main()
