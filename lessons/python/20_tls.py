"""Lesson 20: the handler of lesson 11, encrypted, with Python's ssl."""

import argparse
import importlib
import socket
import ssl
import sys

from support import split

plain = importlib.import_module("11_threaded_server")


# [server]
class Server(plain.Server):
    def __init__(self, address, context):
        self.context = context
        super().__init__(address)

    def finish_request(self, request, client_address):  # on the client's thread
        try:
            request.settimeout(10)  # for the handshake
            with self.context.wrap_socket(request, server_side=True) as secret:
                secret.settimeout(None)
                super().finish_request(secret, client_address)
                secret.settimeout(10)
                secret.unwrap()  # says goodbye, and waits for the client's
        except OSError as error:
            print(client_address, "error:", error, flush=True)
# [/server]


# [naive]
class NaiveServer(plain.Server):
    def __init__(self, address, context):
        super().__init__(address)
        self.socket = context.wrap_socket(self.socket, server_side=True)
# [/naive]


def serve(host, port, files, naive):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    files = files or f"target/20_tls/{port}"
    try:
        context.load_cert_chain(f"{files}/certificate.pem", f"{files}/key.pem")
    except OSError as error:
        sys.exit(f"error: no certificate in {files}: {error}\n"
                 "Lesson 20's Rust server makes one: --files target/20_tls/PORT")
    with (NaiveServer if naive else Server)((host, port), context) as server:
        print("listening on {}:{}".format(*server.server_address), flush=True)
        server.serve_forever()


# [client]
def client(host, port, message, ca, name):
    with socket.create_connection((host, port), timeout=5) as stream:
        context = trusting(ca or f"target/20_tls/{port}/authority.pem")
        with context.wrap_socket(stream, server_hostname=name) as secret:
            secret.sendall(message + b"\n")
            with secret.makefile("rb") as lines:
                print("received", lines.readline())
            secret.unwrap()  # says goodbye, and waits for the server's
# [/client]


def trusting(authority):
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:
        sys.exit(f"error: {authority} can't be read: {error}")


def silent(host, port):
    with socket.create_connection((host, port), timeout=5):
        print("connected, and I say nothing", flush=True)
        sys.stdin.read()  # until Ctrl-D


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("words", nargs="*", default=["Hello, world"])
    parser.add_argument("--addr", default="127.0.0.1:8443", metavar="HOST:PORT")
    parser.add_argument("--files", metavar="DIR", help="serve: certificate.pem and key.pem")
    parser.add_argument("--naive", action="store_true",
                        help="serve: encrypt the listening socket")
    parser.add_argument("--ca", metavar="FILE", help="client: the authority to trust")
    parser.add_argument("--name", default="localhost", help="client: the server's name")
    parser.add_argument("--silent", action="store_true", help="client: sends nothing")
    args = parser.parse_intermixed_args()
    host, port = split(args.addr)
    if args.role == "serve":
        serve(host, port, args.files, args.naive)
    elif args.silent:
        silent(host, port)
    else:
        try:
            client(host, port, " ".join(args.words).encode(), args.ca, args.name)
        except ssl.SSLCertVerificationError as error:
            sys.exit(f"refused: {error.verify_message}")
        except OSError as error:
            sys.exit(f"error: {error}")


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass
