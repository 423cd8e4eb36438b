"""Lesson 16: an HTTP client that writes its GET by hand and works out the throughput."""

import argparse
import concurrent.futures
import socket
import socketserver
import sys
import time
import urllib.parse

WELCOME = b"""Hello from lesson 16.
/bytes/1000000  so many bytes
/chunked        a body in pieces
/until-close    a body without a length
"""


# [ask]
def request(url):
    return (
        f"GET {url.path or '/'} HTTP/1.1\r\nHost: {url.netloc}\r\n"
        "Connection: close\r\n\r\n"
    )


def ask(url):
    stream = socket.create_connection((url.hostname, url.port or 80), timeout=5)
    stream.sendall(request(url).encode())
    reader = stream.makefile("rb")
    stream.close()  # the reader keeps the connection open
    return read_head(reader), reader
# [/ask]


def read_head(reader):
    first = read_line(reader)
    headers = []
    while True:
        line = read_line(reader)
        if not line:
            return first, headers  # the blank line: here the head ends
        name, colon, value = line.partition(":")
        if not colon or len(headers) == 100:
            raise ValueError("this is not a head")
        headers.append((name, value.strip()))


def read_line(reader):
    line = reader.readline(65536)
    if not line.endswith(b"\n"):
        raise EOFError("the connection ended in the middle of the head")
    return line.decode("latin-1").rstrip("\r\n")


# [body]
def read_body(headers, reader):
    """Yields the body, part by part."""
    headers = {name.lower(): value for name, value in headers}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while True:
            length = int(read_line(reader).partition(";")[0], 16)
            if length == 0:
                return
            yield from read_exactly(reader, length)
            read_line(reader)  # the end of the line behind the piece
    elif "content-length" in headers:
        yield from read_exactly(reader, int(headers["content-length"]))
    else:
        while data := reader.read1(65536):
            yield data
# [/body]


def read_exactly(reader, length):
    left = length
    while left > 0:
        data = reader.read1(min(left, 65536))
        if not data:
            raise EOFError(
                f"the connection ended after {length - left} of {length} bytes"
            )
        left -= len(data)
        yield data


# [show]
def show(url):
    for line in request(url).split("\r\n")[:-1]:
        print(f"> {line}".rstrip())
    begin = time.perf_counter()
    (first, headers), reader = ask(url)
    for line in [first, *(f"{name}: {value}" for name, value in headers), ""]:
        print(f"< {line}".rstrip())
    count, text = 0, b""
    with reader:
        for data in read_body(headers, reader):
            count += len(data)
            text = (text + data)[:1001]
    speed = throughput(count, begin)
    print(text.decode(errors="replace").rstrip() if count <= 1000 else f"({count} bytes, not shown)")
    print(speed)


def throughput(count, begin):
    ms = (time.perf_counter() - begin) * 1000
    speed = count / 1000 / ms  # millions of bytes in a second
    return f"{count} bytes in {ms:.1f} ms: {speed:.2f} MB/s, {speed * 8:.2f} Mbit/s"
# [/show]


def fetch(url):
    (_, headers), reader = ask(url)
    with reader:
        return sum(len(data) for data in read_body(headers, reader))


def table(url, most):
    count = 1
    while count <= most:
        begin = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            total = sum(pool.map(fetch, [url] * count))
        print(f"{count:3} at once: {throughput(total, begin)}")
        count = min(count * 2, most) if count < most else most + 1


class Pages(socketserver.StreamRequestHandler):
    timeout = 5

    def handle(self):
        first, _ = read_head(self.rfile)
        path = first.split(" ")[1]
        if path == "/":
            self.text("200 OK", WELCOME)
        elif path == "/chunked":
            self.head("200 OK", "Transfer-Encoding: chunked")
            for piece in [b"one, ", b"two, ", b"three\n"]:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        elif path == "/until-close":
            self.head("200 OK")
            self.wfile.write(b"it is over when it is over\n")
        elif path.startswith("/bytes/"):
            left = int(path[len("/bytes/"):])
            self.head("200 OK", f"Content-Length: {left}")
            while left > 0:
                count = min(left, 65536)
                self.wfile.write(b"x" * count)
                left -= count
        else:
            self.text("404 Not Found", b"no such page\n")

    def text(self, status, text):
        self.head(status, f"Content-Length: {len(text)}")
        self.wfile.write(text)

    def head(self, status, *headers):
        lines = [f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""]
        self.wfile.write("\r\n".join(lines).encode())


def serve(host, port):
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer((host, port), Pages) as server:
        server.daemon_threads = True
        print("listening on {}:{}".format(*server.server_address), flush=True)
        server.serve_forever()


def client(host, port, words, parallel):
    url = urllib.parse.urlsplit(words[0] if words else f"http://{host}:{port}/")
    if url.scheme != "http":
        sys.exit("This client speaks plain HTTP only: write a URL with http://")
    show(url)
    table(url, parallel)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("words", nargs="*", metavar="URL")
    parser.add_argument("--addr", default="127.0.0.1:9016", metavar="HOST:PORT")
    parser.add_argument("--parallel", type=int, default=0, metavar="N")
    args = parser.parse_intermixed_args()
    host, _, port = args.addr.rpartition(":")
    if args.role == "serve":
        serve(host, int(port))
    else:
        client(host, int(port), args.words, args.parallel)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
