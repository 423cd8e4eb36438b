"""Looks at lesson 19's page in a real browser.

    python3 tests/aha/websocket_browser.py [--shots FOLDER] PROGRAM [ARGUMENTS]

PROGRAM is the server. Needs chromium and chromedriver, as tests/published/browser.py does.
Prints what it has seen, and fails at the first thing that isn't as it should be.
"""

import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "published"))
from browser import Browser  # noqa: E402

PATIENCE = 15  # seconds
ENTER = "\ue007"
CONTRAST = """
const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
const light = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
        .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
document.body.style.background = "Canvas";
return ["#lines", "#state", "#text", "button", "label"].map((which) => {
    const style = getComputedStyle(document.querySelector(which));
    const back = style.backgroundColor === "rgba(0, 0, 0, 0)"
        ? getComputedStyle(document.body).backgroundColor : style.backgroundColor;
    const [x, y] = [light(style.color), light(back)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
});
"""


class Server:
    """The server under test."""

    def __init__(self, command, addr):
        self.process = subprocess.Popen(
            [*command, "serve", "--addr", addr], stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line
        self.addr = line.split()[2]

    def ctrl_c(self):
        self.process.send_signal(signal.SIGINT)
        self.process.stdout.read()
        status = self.process.wait(PATIENCE)
        assert status == 0, f"the server ended with {status}"


class Tab:
    """One tab, in front whenever something is done with it."""

    def __init__(self, browser, url, is_first):
        self.browser = browser
        if is_first:
            self.handle = browser.call("GET", "/window")
        else:
            self.handle = browser.call("POST", "/window/new", {"type": "tab"})["handle"]
        self.front().call("POST", "/url", {"url": url})

    def front(self):
        self.browser.call("POST", "/window", {"handle": self.handle})
        return self.browser

    def run(self, script):
        return self.front().run(script)

    def element(self, css):
        body = {"using": "css selector", "value": css}
        return next(iter(self.front().call("POST", "/element", body).values()))

    def type(self, keys):
        """Types where the cursor is, as a hand does."""
        keys = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        actions = [{"type": "key", "id": "keyboard", "actions": keys}]
        self.front().call("POST", "/actions", {"actions": actions})

    def shows(self, words, where="body"):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            text = self.run(f"return document.querySelector('{where}').innerText")
            if words in text:
                return text
            time.sleep(0.05)
        sys.exit(f"no {words!r} in {text!r}")


def eventually(tab, script, wanted):
    end = time.monotonic() + PATIENCE
    while (found := tab.run(script)) != wanted:
        assert time.monotonic() < end, found
        time.sleep(0.05)


def look(browser, command, shots):
    server = Server(command, "127.0.0.1:0")
    url = f"http://{server.addr}/"
    ada = Tab(browser, url, True)
    ada.shows("you are guest-1", "#lines")
    ada.shows("connected", "#state")
    bob = Tab(browser, url, False)
    bob.shows("you are guest-2", "#lines")

    # Nothing but the keyboard is needed, and the cursor is in the right place at once.
    bob.type("Grüße <b>aus</b> <img src=x onerror=alert(1)>" + ENTER)
    ada.shows("guest-2: Grüße <b>aus</b> <img src=x onerror=alert(1)>", "#lines")
    bob.shows("you: Grüße <b>aus</b>", "#lines")
    for tab in (ada, bob):
        assert tab.run("return document.querySelectorAll('#lines b, #lines img').length") == 0
    print("two tabs talk, and markup stays text")

    ada.type("/nick ada" + ENTER)
    bob.shows("guest-1 is now ada", "#lines")
    names = [("#text", "textbox", "Your line"), ("#lines", "log", "What is said"),
             ("button", "button", "Say")]
    for css, role, name in names:
        element = ada.element(css)
        found = [browser.call("GET", f"/element/{element}/computed{it}")
                 for it in ("role", "label")]
        assert found == [role, name], found
    for scheme in ("light", "dark"):
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.chrome("Emulation.setEmulatedMedia", features=media)
        assert min(ada.run(CONTRAST)) >= 4.5, ada.run(CONTRAST)
        for width in (1200, 320):
            browser.width(width)
            assert ada.run("return document.documentElement.scrollWidth <= innerWidth")
            if shots:
                browser.shot(shots / f"page_{scheme}_{width}.png")
    print("everything has a name, and contrast enough, light and dark")

    other = Server(command, "127.0.0.1:0")
    stranger = Tab(browser, f"http://{other.addr}/", False)
    stranger.run(f"""
        window.ends = [];
        const room = new WebSocket("ws://{server.addr}/chat");
        room.onclose = ({{code}}) => window.ends.push(code);
        room.onopen = () => window.ends.push("open");
    """)
    eventually(stranger, "return window.ends", [1006])
    other.ctrl_c()
    print("another page isn't let in, and can't see why")

    bob.type("/quit" + ENTER)
    bob.shows("closed: 1000 goodbye", "#state")
    ada.shows("guest-2 left", "#lines")

    # Fifty more clients of this browser.
    ada.run("""
        window.ends = [];
        window.more = [...Array(50)].map(() => {
            const room = new WebSocket(`ws://${location.host}/chat`);
            room.onclose = ({code, wasClean}) => window.ends.push([code, wasClean]);
            return room;
        });
    """)
    ada.shows("guest-52 joined", "#lines")
    server.ctrl_c()
    ada.shows("lost: 1001 the server stops", "#state")
    ada.type("typed meanwhile" + ENTER)
    eventually(ada, "return window.ends", [[1001, True]] * 50)
    print("Ctrl-C closes fifty-one clients with 1001")

    server = Server(command, server.addr)
    ada.shows("connected", "#state")
    ada.shows("you are guest-1", "#lines")
    assert ada.run("return text.value") == "typed meanwhile"
    carl = Tab(browser, url, False)
    carl.shows("you are guest-2", "#lines")
    ada.type(ENTER)
    carl.shows("guest-1: typed meanwhile", "#lines")
    print("the page comes back by itself, with what was typed")
    server.process.kill()
    server.process.wait()
    carl.shows("lost: 1006", "#state")
    print("the server's sudden death is told, too")


def main():
    arguments = sys.argv[1:]
    shots = None
    if arguments[0] == "--shots":
        shots, arguments = pathlib.Path(arguments[1]), arguments[2:]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(folder)
        try:
            look(browser, arguments, shots)
        finally:
            browser.quit()


main()
