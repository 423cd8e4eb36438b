"""Looks at the documentation site in a real browser, and prints what is wrong with it.

    python3 tests/published/browser.py target/doc [FOLDER FOR SCREENSHOTS]

Needs chromium and chromedriver (Debian: `apt-get install chromium chromium-driver`). It
looks at every page twice, as wide as a desk's screen and as narrow as a telephone's, in the
light and in the dark theme. A complaint is a line; the last line counts the pages.
"""

import base64
import functools
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import urllib.request

WIDTHS = (1200, 400)
THEMES = ("light", "dark")

# Returns what is wrong with the current page, as a list of sentences.
LOOK = """
const complaints = [];
const visible = (e) => e.checkVisibility({visibilityProperty: true});
const words = (e) => e.textContent.trim().replace(/\\s+/g, " ").slice(0, 40);
const main = document.querySelector("main");

// Nothing is wider than the page. What is, scrolls in a box of its own.
if (document.documentElement.scrollWidth > innerWidth) {
    const wide = [...main.querySelectorAll("*")]
        .find((e) => e.getBoundingClientRect().right > innerWidth);
    complaints.push(`wider than the page: ${wide?.tagName} "${wide && words(wide)}"`);
}
for (const e of main.querySelectorAll("table, pre, p, li, td, h1, h2, h3, h4, h5")) {
    if (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === "hidden") {
        complaints.push(`cut off: ${e.tagName} "${words(e)}"`);
    }
}

// Headings go down one level at a time.
let level = 0;
for (const e of [...main.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(visible)) {
    const next = Number(e.tagName[1]);
    // (Those of methods are rustdoc's own.)
    if (next > level + 1 && e.closest(".docblock")) complaints.push(`h${next} after h${level}: "${words(e)}"`);
    level = next;
}

// Pictures are there, and say in words what they show.
for (const e of main.querySelectorAll(".docblock img")) {
    if (!e.naturalWidth) complaints.push(`broken picture: ${e.src.slice(0, 60)}`);
    if (!e.alt) complaints.push(`a picture without words: ${e.src.slice(0, 60)}`);
}
for (const e of main.querySelectorAll(".docblock svg")) {
    const says = e.querySelector("title") ?? e.closest("[aria-label]");
    if (!says) complaints.push(`a picture without words: "${words(e)}"`);
}

// Prose stands out from what is behind it: 4.5 to 1, as the W3C asks.
const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
};
const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255)
        .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const behind = (e) => {
    for (; e; e = e.parentElement) {
        const colour = rgba(getComputedStyle(e).backgroundColor);
        if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
};
const seen = new Set();
for (const e of main.querySelectorAll(".docblock *, h1, h2")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || e.closest("pre, svg") || !visible(e)) continue;
    const [front, back] = [rgba(getComputedStyle(e).color), behind(e)];
    const [x, y] = [light(front), light(back)];
    const contrast = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
    const what = `${e.tagName} ${front.slice(0, 3)} on ${back.slice(0, 3)}`;
    if (contrast < 4.5 && !seen.has(what)) {
        seen.add(what);
        complaints.push(`contrast ${contrast.toFixed(1)}: ${what} "${words(e)}"`);
    }
}
return complaints;
"""


class Site(http.server.SimpleHTTPRequestHandler):
    """Serves the site on a port of its own, and notes every request that fails."""

    failed = []

    def log_message(self, *_):
        pass

    def log_request(self, code="-", size="-"):
        if int(code) >= 400 and self.path != "/favicon.ico":
            self.failed.append(f"{int(code)} for {self.path}")


class Browser:
    """A browser without a window, driven over WebDriver: JSON over HTTP."""

    def __init__(self, folder):
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True
        )
        line = next(line for line in self.driver.stdout if "successfully on port" in line)
        self.base = f"http://127.0.0.1:{line.split()[-1].rstrip('.')}"
        args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        args += ["--disable-background-networking", f"--user-data-dir={folder}"]
        options = {"goog:chromeOptions": {"args": args}}
        session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": options}})
        self.base += f"/session/{session['sessionId']}"

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def run(self, script):
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def chrome(self, command, **params):
        body = {"cmd": command, "params": params}
        return self.call("POST", "/goog/cdp/execute", body)

    def width(self, width):
        self.chrome("Emulation.setDeviceMetricsOverride", width=width, height=800,
                    deviceScaleFactor=1, mobile=False)

    def shot(self, file):
        picture = self.chrome("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(picture["data"]))

    def quit(self):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()


def look_at(browser, url, page, shots):
    """Looks at one page, and returns what is wrong with it."""
    complaints = []
    browser.call("POST", "/url", {"url": url + page})
    for width in WIDTHS:
        browser.width(width)
        for theme in THEMES:
            browser.run(f"document.documentElement.dataset.theme = '{theme}'")
            found = browser.run(LOOK)
            complaints += [f"{page} ({width}, {theme}): {what}" for what in found]
            if shots:
                name = page.removesuffix(".html").replace("/", "_")
                browser.shot(shots / f"{name}_{width}_{theme}.png")
    return complaints


def main():
    doc = pathlib.Path(sys.argv[1])
    shots = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
    pages = sorted(str(p.relative_to(doc)) for p in doc.glob("socketserver/**/*.html"))
    pages = [p for p in pages if "http-equiv" not in (doc / p).read_text()[:500]]
    site = functools.partial(Site, directory=doc)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(folder)
        try:
            url = f"http://127.0.0.1:{server.server_port}/"
            for page in pages:
                for complaint in look_at(browser, url, page, shots):
                    print(complaint, flush=True)
        finally:
            browser.quit()
    for failure in sorted(set(Site.failed)):
        print("failed request:", failure)
    print(len(pages), "pages")


main()
