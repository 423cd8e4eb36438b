"""Lesson 16: an HTTP client that writes its GET by hand and measures the throughput."""

import argparse
import collections
import concurrent.futures
import email.utils
import ipaddress
import re
import socket
import socketserver
import sys
import time

from support import split

WELCOME = b"""Hello from lesson 16.
/bytes/1000000  1000000 bytes
/chunked        a body in pieces
/until-close    a body without a length
"""

WHITE = " \t"  # in HTTP, only the space and the tab are white space

TEXT = "Content-Type: text/plain; charset=utf-8"

MAX_LINE = 8 * 1024  # bytes of a first line
MAX_HEAD = 64 * 1024  # bytes of all headers together
MAX_HEADERS = 100
MAX_BYTES = 10_000_000_000  # that /bytes/.. sends at most
MAX_BODY = 1_000_000  # bytes that can come with a request
MAX_DROPPING = 60  # seconds for an unwanted body to come

TOKEN = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
HOST = re.compile(
    r"((?:[-._~!$&'()*+,;=0-9A-Za-z]|%[0-9A-Fa-f]{2})*|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?"
)
TARGET = re.compile(r"(?:[-._~!$&'()*+,;=:@/?0-9A-Za-z]|%[0-9A-Fa-f]{2})*")

Url = collections.namedtuple("Url", "host name port target")


class Rejected(ValueError):
    """The other side sent something that isn't HTTP, or too much."""

    def __init__(self, why, status="400 Bad Request"):
        super().__init__(why)
        self.status = status


# [ask]
def request(url):
    return f"GET {url.target} HTTP/1.1\r\nHost: {url.host}\r\nConnection: close\r\n\r\n"


def ask(url):
    stream = socket.create_connection((url.name, url.port), timeout=5)
    stream.sendall(request(url).encode())
    reader = stream.makefile("rb")
    stream.close()  # the reader keeps the connection open
    return read_response(reader), reader
# [/ask]


def parse(text):
    """Takes a URL apart. The part after `#` isn't sent, and neither is a password."""
    match = re.fullmatch(r"(?i:http)://([^/?#]*)([^#]*)(?:#.*)?", text, re.DOTALL)
    if not match:
        sys.exit("This client speaks plain HTTP only: write a URL with http://")
    host, target = match.groups()
    name, port = split_host(host) or ("", None)
    port = number("80" if port is None else port)
    if port is None or port > 65535 or not name:
        sys.exit("Write host and port, as in http://127.0.0.1:9016/, and no password.")
    if not TARGET.fullmatch(target):
        sys.exit("In a URL, write %20 for a space, and do the same for non-ASCII bytes.")
    target = target if target.startswith("/") else f"/{target}"
    return Url(host, name.strip("[]"), port, target)


def split_host(text):
    """Host and port of `localhost:80`, `[::1]:80` or `localhost`; None if it's wrong."""
    match = HOST.fullmatch(text)
    if match and match[1].startswith("["):
        try:
            ipaddress.IPv6Address(match[1][1:-1])
        except ValueError:
            return None
    return match and (match[1], match[2] and match[2][1:])


def number(text, base=10):
    """A number of digits only: `int` takes `+5`, ` 5`, `5_0` and `0x5` too."""
    if not re.fullmatch("[0-9]+" if base == 10 else "[0-9A-Fa-f]+", text):
        return None
    text = text.lstrip("0") or "0"
    return int(text, base) if len(text) <= 20 and int(text, base) < 2**64 else None


# [head]
def read_line(reader, most):
    line = reader.readline(most)
    if not line.endswith(b"\n"):
        if len(line) == most:
            status = "431 Request Header Fields Too Large"
            raise Rejected("a line, or the head, is too long", status)
        raise EOFError("the connection ended in the middle of the head")
    line = line[:-2] if line.endswith(b"\r\n") else line[:-1]
    if b"\r" in line or b"\0" in line:
        raise Rejected("a line of the head has a \\r or a \\0 in it")
    return line.decode("latin-1")


def read_headers(reader):
    headers, left = [], MAX_HEAD
    while line := read_line(reader, max(left, 0)):
        left -= len(line) + 2
        name, colon, value = line.partition(":")
        if len(headers) == MAX_HEADERS:
            status = "431 Request Header Fields Too Large"
            raise Rejected(f"the head has more than {MAX_HEADERS} headers", status)
        if line[0] in WHITE and headers:  # it continues the header before it
            name, before = headers.pop()
            headers.append((name, f"{before} {line}".strip(WHITE)))
        elif colon and TOKEN.fullmatch(name):
            headers.append((name, value.strip(WHITE)))
        else:
            raise Rejected("this is not a header")
    return headers  # the blank line ends the head
# [/head]


def read_response(reader):
    for _ in range(10):
        first = read_line(reader, MAX_LINE)
        match = re.fullmatch(r"(HTTP/1\.[0-9]) ([1-9][0-9][0-9])( .*)?", first)
        if not match:
            raise Rejected("this is not a response in HTTP/1.1")
        headers, status = read_headers(reader), int(match[2])
        if status == 101:
            raise Rejected("the server changes to another protocol")
        if status >= 200:
            body = 0 if status in (204, 304) else announced(headers, match[1])
            return first, headers, body
    raise Rejected("10 responses that only say: wait")


# [body]
def announced(headers, version):
    """How a body ends: by a length, by chunks, or at end of file (None)."""
    codings = members(headers, "transfer-encoding")
    if codings is not None:
        codings = [coding.lower() for coding in codings]
        if version == "HTTP/1.0" or codings[-1:] != ["chunked"] or "chunked" in codings[:-1]:
            raise Rejected("the body has an unknown encoding")
        if len(codings) > 1:
            raise Rejected("the body has an unknown encoding", "501 Not Implemented")
        return "chunks"
    lengths = members(headers, "content-length")
    if lengths is None:
        return None
    length = number(lengths[0]) if lengths else None
    if length is None or any(number(other) != length for other in lengths):
        raise Rejected("the body's length isn't a number, or there are two")
    return length


def read_body(body, reader):
    """Yields the body, part by part."""
    if body is None:
        while data := reader.read1(65536):
            yield data
        return
    if body != "chunks":
        yield from read_exactly(reader, body)
        return
    while True:
        line, extension, _ = read_line(reader, 1024).partition(";")
        length = number(line.rstrip(WHITE) if extension else line, 16)
        if length is None:
            raise Rejected("this is not a length")
        if length == 0:
            break
        yield from read_exactly(reader, length)
        if read_line(reader, 1024):
            raise Rejected("a piece is longer than it says")
    left = MAX_HEAD
    while line := read_line(reader, max(left, 0)):
        left -= len(line) + 2  # we ignore headers after the body
# [/body]


def members(headers, name):
    """The members of all headers with this name; None if there is no such header."""
    values = [value for other, value in headers if other.lower() == name]
    all_members = [member.strip(WHITE) for member in ",".join(values).split(",")]
    return [member for member in all_members if member] if values else None


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
    (first, headers, body), reader = ask(url)
    for line in [first, *(f"{name}: {value}" for name, value in headers), ""]:
        print(f"< {printable(line)}".rstrip())
    count, text = 0, b""
    with reader:
        for data in read_body(body, reader):
            count += len(data)
            text = (text + data)[:1001]
    speed = throughput(count, begin)
    if count > 1000:
        print(f"({count} bytes, not shown)")
    else:
        print(printable(text.decode(errors="replace")).rstrip() or "(no bytes)")
    print(speed)


def throughput(count, begin):
    ms = (time.perf_counter() - begin) * 1000
    speed = count / 1000 / ms  # millions of bytes a second
    return f"{count} bytes in {ms:.1f} ms: {speed:.2f} MB/s, {speed * 8:.2f} Mbit/s"
# [/show]


def printable(text):
    """Removes what could control the terminal."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\ufffd", text.replace("\r", ""))


def fetch(url):
    (_, _, body), reader = ask(url)
    with reader:
        return sum(len(data) for data in read_body(body, reader))


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
        try:
            first = read_first_line(self.rfile)
            if first:
                self.is_head = first.startswith(b"HEAD ")
                self.answer(first)
        except (ConnectionError, EOFError, socket.timeout):
            pass  # the client left, or sent nothing, as browsers do

    def answer(self, first):
        self.is_1_1 = True
        try:
            method, path, self.is_1_1, body, headers = read_request(first, self.rfile)
        except Rejected as rejected:
            return self.text(rejected.status, f"{rejected}\n".encode())
        if method in ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"]:
            words = b"only GET and HEAD are answered\n"
            return self.text("405 Method Not Allowed", words, "Allow: GET, HEAD")
        if method not in ["GET", "HEAD"]:
            return self.text("501 Not Implemented", b"no such method\n")
        if body not in [None, "chunks"] and body > MAX_BODY:
            return self.text("413 Content Too Large", b"send no body\n")
        self.page(path, headers)

    def page(self, path, headers):
        count = number(path[len("/bytes/"):]) if path.startswith("/bytes/") else None
        is_bytes = count is not None and count <= MAX_BYTES
        if not is_bytes and path not in ["/", "/chunked", "/until-close"]:
            self.text("404 Not Found", b"no such page\n")
        elif headers.get("if-match", "*") != "*":
            self.text("412 Precondition Failed", b"our pages have no tags\n")
        elif headers.get("if-none-match") == "*":  # "only if there is no such page"
            self.send("304 Not Modified", [], [])
        elif is_bytes:
            self.bytes(count)
        elif path == "/chunked":
            self.chunked([b"one, ", b"two, ", b"three\n"])
        elif path == "/until-close":
            self.send("200 OK", [TEXT], [b"it is over when it is over\n"])
        else:
            self.text("200 OK", WELCOME)

    def text(self, status, text, *headers):
        headers = [TEXT, f"Content-Length: {len(text)}", *headers]
        self.send(status, headers, [text])

    def bytes(self, count):
        headers = ["Content-Type: application/octet-stream", f"Content-Length: {count}"]
        blocks = (b"x" * min(65536, count - at) for at in range(0, count, 65536))
        self.send("200 OK", headers, blocks)

    def chunked(self, pieces):
        if not self.is_1_1:  # HTTP/1.0 has no chunks
            return self.send("200 OK", [TEXT], pieces)
        chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces]
        headers = [TEXT, "Transfer-Encoding: chunked"]
        return self.send("200 OK", headers, [*chunks, b"0\r\n\r\n"])

    def send(self, status, headers, content):
        date = f"Date: {email.utils.formatdate(usegmt=True)}"
        head = [f"HTTP/1.1 {status}", date, *headers, "Connection: close", "", ""]
        self.wfile.write("\r\n".join(head).encode())
        for part in [] if self.is_head else content:
            self.wfile.write(part)

    def finish(self):
        """Ends the response, and drops what still comes: with unread bytes, closing would
        reset the connection, and the client might lose the response."""
        super().finish()
        end = time.monotonic() + MAX_DROPPING
        try:
            self.connection.shutdown(socket.SHUT_WR)
            while time.monotonic() < end and self.connection.recv(65536):
                pass
        except OSError:
            pass


def read_first_line(reader):
    """The first line with its newline, if it isn't too long. Skips empty lines."""
    left = MAX_LINE
    while line := reader.peek(1)[:1]:
        if not b"!" <= line <= b"~" and line not in b"\r\n":
            return line  # https, which has no lines
        line = reader.readline(left)
        left -= len(line)
        if line not in [b"\r\n", b"\n"] or left == 0:
            break
    if line and left > 0 and not line.endswith(b"\n"):
        raise EOFError("the connection ended in the first line")
    return line


def read_request(first, reader):
    """Method, path, whether it's HTTP/1.1, how its body ends, and its headers."""
    words = first.decode("latin-1").split(" ")
    if not first.endswith(b"\n"):
        if len(words) > 1 and TOKEN.fullmatch(words[0]):
            raise Rejected(f"more than {MAX_LINE} bytes", "414 URI Too Long")
        raise Rejected("this is not a request in HTTP/1.1")
    first = re.sub("\r?\n$", "", first.decode("latin-1"))
    match = re.fullmatch(r"([^ ]+) ([!-~]+) (HTTP/[0-9]\.[0-9])", first)
    if not match or not TOKEN.fullmatch(match[1]):
        raise Rejected("this is not a request in HTTP/1.1")
    method, target, version = match.groups()
    if not version.startswith("HTTP/1."):
        raise Rejected("this is HTTP/1.1", "505 HTTP Version Not Supported")
    path = path_of(method, target)
    headers = read_headers(reader)
    hosts = [value for name, value in headers if name.lower() == "host"]
    if len(hosts) > 1 or not hosts and version != "HTTP/1.0":
        raise Rejected("there is no Host, or more than one")
    if hosts and not split_host(hosts[0]):
        raise Rejected("this is not a host")
    body = announced(headers, version)
    if body == "chunks" and members(headers, "content-length") is not None:
        raise Rejected("a body has a Content-Length or a Transfer-Encoding, not both")
    expects = members(headers, "expect") or []
    if version != "HTTP/1.0" and any(e.lower() != "100-continue" for e in expects):
        raise Rejected("this cannot be expected here", "417 Expectation Failed")
    named = {name.lower(): value for name, value in headers}
    return method, path, version != "HTTP/1.0", body, named


def path_of(method, target):
    """The page that a request's target names."""
    if "#" in target:
        raise Rejected("this is not a target")
    if method == "CONNECT":
        name, port = split_host(target) or ("", "")
        if not name or not 0 < (number(port or "") or 0) < 65536:
            raise Rejected("this is not a host and a port")
        return "*"
    if target == "*" and method == "OPTIONS" or target.startswith("/"):
        return target.partition("?")[0]
    match = re.fullmatch(r"([^/?]+)://([^/?]*)([^?]*).*", target)
    if not match or not TOKEN.fullmatch(match[1]):
        raise Rejected("this is not a target")
    scheme, host, path = match.groups()
    if scheme.lower() != "http":
        raise Rejected("this server is for http:// only", "421 Misdirected Request")
    if not (split_host(host) or [""])[0]:
        raise Rejected("this is not a host")
    return path or "/"


def serve(host, port):
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer((host, port), Pages) as server:
        server.daemon_threads = True
        print("listening on {}:{}".format(*server.server_address), flush=True)
        server.serve_forever()


def client(host, port, words, parallel):
    url = parse(words[0] if words else f"http://{host}:{port}/")
    try:
        show(url)
        table(url, parallel)
    except (OSError, EOFError, Rejected) as error:
        sys.exit(f"error: {error}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("words", nargs="*", metavar="URL")
    parser.add_argument("--addr", default="127.0.0.1:9016", metavar="HOST:PORT")
    parser.add_argument("--parallel", type=int, default=0, metavar="N")
    args = parser.parse_intermixed_args()
    host, port = split(args.addr)
    if args.role == "serve":
        serve(host, port)
    else:
        client(host, port, args.words, args.parallel)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass
