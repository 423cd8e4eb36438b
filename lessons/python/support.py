"""What several of these programs share. It isn't a lesson by itself.

Python makes a call again that a signal has interrupted, by itself, and with the rest of
its time. So there is no `retry` here: see lesson 02.
"""

import socket
import sys
import threading
import time
import unicodedata

for word in sys.argv:
    try:
        word.encode()
    except UnicodeEncodeError:
        sys.exit(f"error: the argument {ascii(word)} is not UTF-8")

# What must not reach a terminal from outside: it obeys control characters, and marks that
# reverse the direction of writing can hide who wrote a line.
TURNS = "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def shown(text):
    """Text from outside, made safe for a screen. Its lines stay lines."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")

    def harmless(letter):
        control = ord(letter) < 32 or 127 <= ord(letter) < 160
        return "\ufffd" if letter in TURNS or control and letter not in "\t\n" else letter

    return "".join(map(harmless, text.replace("\r\n", "\n")))


# Letters and marks that show nothing, such as the fillers of Hangul.
UNSEEN = [0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x2D7F, 0x3164,
          *range(0xFE00, 0xFE10), 0xFFA0, 0x1107F, 0x16FE4, *range(0xE0100, 0xE01F0)]


def is_name(name):
    """Whether this can be a name: letters with their marks, digits, - and _."""
    kinds = [unicodedata.category(letter)[0] for letter in name]
    return (
        1 <= len(name) <= 20
        and kinds[0] != "M"
        and all(kind in "LMN" or letter in "-_" for kind, letter in zip(kinds, name))
        and not any(ord(letter) in UNSEEN for letter in name)
    )


class BackOff:
    """Helps a loop to cope with a call that fails again and again: it reports the failure
    once, waits longer and longer, and reports when the call works again."""

    def __init__(self):
        self.pause, self.until = 0, 0

    def worked(self):
        if self.pause:
            print("it works again", flush=True)
        self.pause, self.until = 0, 0

    def failed(self, error):
        if not self.pause:
            print(f"error: {error}; I keep trying", flush=True)
        self.pause = min(1, 2 * self.pause or 0.01)
        self.until = time.monotonic() + self.pause

    def left(self):
        """How much longer the pause lasts, in seconds."""
        return max(0, self.until - time.monotonic())


def keep_trying(call, *args):
    """Makes a call until it succeeds, with a pause after each failure.

    Without a file descriptor left, `accept` fails, and the client stays in the queue. So
    the next call fails at once, and a loop without a pause fails a million times.
    """
    back_off = BackOff()
    while True:
        try:
            result = call(*args)
        except OSError as error:
            back_off.failed(error)
            time.sleep(back_off.left())
        else:
            back_off.worked()
            return result


threads = BackOff()


def start(function, connection, client):
    """Starts a thread for a client, and returns whether it could. If it couldn't, only this
    client is lost."""
    visit = (connection, client)
    try:
        threading.Thread(target=function, args=visit, daemon=True).start()
    except RuntimeError as error:
        connection.close()
        threads.failed(error)
        time.sleep(threads.left())
        return False
    threads.worked()
    return True


def any_of(host, port, ask):
    """Tries each address of a name until one of them answers: a name can have several
    addresses, and the server listens on one. (`create_connection` does so, too.)"""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    for number, (family, kind, _, _, address) in enumerate(answers, start=1):
        try:
            with socket.socket(family, kind) as asker:
                asker.settimeout(5)
                asker.connect(address)  # sends nothing
                return ask(asker)
        except OSError as error:
            if number == len(answers):
                raise
            print(address, "does not answer:", error, flush=True)


def split(addr):
    """The host and the port of `HOST:PORT`; an IPv6 address is in brackets."""
    host, _, port = addr.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        sys.exit(f"error: `{addr}` is not HOST:PORT")
    return host.strip("[]"), int(port)
