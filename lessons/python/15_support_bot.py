"""Lesson 15: a support bot on TCP and UDP, with the dialogue of the Rust example."""

import argparse
import errno
import itertools
import pathlib
import re
import socket
import socketserver
import sys
import threading
import time

from support import any_of, keep_trying, shown, split

EXAMPLES = pathlib.Path(__file__).parent.parent.parent / "examples"
PROMPT = "> "


# [parse]
def parse(text):
    """Returns the steps, by name: what the bot says, and where each word leads."""
    steps = {}
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            step = steps[line.strip("[]")] = {"text": [], "answers": [], "any": None}
        elif line.startswith("- "):
            words, _, target = line[2:].rpartition(":")
            words = [word.strip() for word in words.split(",")]
            if words == ["*"]:
                step["any"] = target.strip()
            else:
                step["answers"].append((words, target.strip()))
        else:
            step["text"].append(line)
    for name, step in steps.items():
        for target in [target for _, target in step["answers"]] + [step["any"]]:
            if target is not None and target not in steps:
                raise SystemExit(f"[{name}] leads to [{target}]: there is no such step")
    return steps
# [/parse]


class Desk:
    def __init__(self):
        text = (EXAMPLES / "15_support_bot.txt").read_text(encoding="utf-8-sig")
        self.steps = parse(text)
        self.tickets = itertools.count(1001)

    # [turn]
    def turn(self, dialogue, answer):
        """The bot's turn: takes an answer, says something. None means no dialogue."""
        if dialogue is None:
            return self.say((next(iter(self.steps)), {}))
        name, said = dialogue
        answer = answer.strip()
        if not answer:
            return self.say(dialogue)  # the question once more
        target = self.target(self.steps[name], answer)
        if target is None:
            choices = self.choices(self.steps[name])
            shown = self.shortened(answer)
            text = f'I do not understand "{shown}". Please answer: {choices}.\n'
            return dialogue, text + PROMPT
        return self.say((target, {**said, name: self.shortened(answer)}))
    # [/turn]

    def say(self, dialogue):
        name, said = dialogue
        step = self.steps[name]
        text = "\n".join(step["text"])
        if "{ticket}" in text:
            number = next(self.tickets)
            print(f"ticket {number}:", said, flush=True)
            text = text.replace("{ticket}", str(number))
        text = re.sub(r"\{([\w-]+)\}", lambda match: said.get(match[1], "-"), text)
        if not step["answers"] and not step["any"]:
            return None, text + "\n"
        choices = self.choices(step)
        return dialogue, text + (f" ({choices})" if choices else "") + "\n" + PROMPT

    @staticmethod
    def target(step, answer):
        words = re.findall(r"[^\W_]+", answer.lower())
        found = {to for known, to in step["answers"] if set(words) & set(known)}
        if len(found) == 1:
            return found.pop()
        return None if found else step["any"]

    @staticmethod
    def choices(step):
        return ", ".join(words[0] for words, _ in step["answers"])

    @staticmethod
    def shortened(answer):
        shown = "".join(letter for letter in answer if letter.isprintable())
        return shown if len(shown) <= 40 else shown[:40] + ".."


# [tcp]
class OverTcp(socketserver.StreamRequestHandler):
    def handle(self):
        dialogue, text = self.server.desk.turn(None, "")  # the bot speaks first
        while True:
            self.wfile.write(text.encode())
            if dialogue is None:
                return
            line = self.rfile.readline(65536)
            if not line:
                self.wfile.write(b"\nI have to go now. Goodbye.\n")
                return
            answer = line.decode(errors="replace")
            dialogue, text = self.server.desk.turn(dialogue, answer)
# [/tcp]


# [udp]
class OverUdp(socketserver.BaseRequestHandler):
    def handle(self):
        data, stream = self.request
        answer = data.decode(errors="replace")
        with self.server.lock:
            dialogue, _ = self.server.memory.pop(self.client_address, (None, 0))
            dialogue, text = self.server.desk.turn(dialogue, answer)
            if dialogue is not None:
                self.forget_the_silent()
                self.server.memory[self.client_address] = dialogue, time.monotonic()
        stream.sendto(text.encode(), self.client_address)

    def forget_the_silent(self):
        memory, now = self.server.memory, time.monotonic()  # the oldest come first
        while memory:
            first = next(iter(memory))
            if len(memory) < 1000 and now - memory[first][1] < 600:
                break
            del memory[first]
# [/udp]


class TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def get_request(self):
        # Without this, it would try again without a pause when out of file descriptors.
        return keep_trying(super().get_request)


def bind(host, port):
    tcp = TcpServer((host, port), OverTcp)
    try:
        return tcp, socketserver.ThreadingUDPServer(tcp.server_address, OverUdp)
    except OSError as error:
        tcp.server_close()
        if port or error.errno != errno.EADDRINUSE:
            raise
        return bind(host, port)  # this number is taken for UDP: ask for another one


def serve(host, port):
    tcp, udp = bind(host, port)
    tcp.desk = udp.desk = Desk()
    udp.memory, udp.lock = {}, threading.Lock()
    print("listening on {}:{}".format(*tcp.server_address), flush=True)
    threading.Thread(target=udp.serve_forever, daemon=True).start()
    tcp.serve_forever()


# [client]
def client(host, port, udp, words):
    if udp:
        any_of(host, port, lambda asker: talk(asker, udp, words))
        return
    with socket.create_connection((host, port), timeout=5) as stream:
        talk(stream, udp, words)


def talk(stream, udp, words):
    if udp:
        stream.send(b"hello")  # opens the dialogue
    while True:
        text = receive(stream, udp)
        if not text.endswith(PROMPT):
            print(text, end="")
            return
        print(text[: -len(PROMPT)], end="", flush=True)
        if words == []:
            return
        answer = words.pop(0) if words else input(PROMPT)
        if udp:
            stream.send(answer.encode())
        else:
            stream.sendall(f"{answer}\n".encode())


def receive(stream, udp):
    data = stream.recv(65535)
    while not udp and data and not data.endswith(PROMPT.encode()):
        more = stream.recv(65535)
        if not more:
            break
        data += more
    return shown(data)
# [/client]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "client"])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--udp", action="store_true")
    parser.add_argument("--addr", default="127.0.0.1:9015", metavar="HOST:PORT")
    args = parser.parse_intermixed_args()
    host, port = split(args.addr)
    if args.role == "serve":
        serve(host, port)
    else:
        client(host, port, args.udp, args.words or None)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"error: {error}")
    except (KeyboardInterrupt, EOFError):
        pass
