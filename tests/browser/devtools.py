# SPDX-License-Identifier: MIT
"""Chromium without a window, driven over its DevTools protocol; the standard library is enough."""
import base64
import contextlib
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.parse

PATIENCE = 60  # seconds; a loaded machine needs many


class WebSocket:
    """The client's side of RFC 6455, text messages only."""

    def __init__(self, url):
        where = urllib.parse.urlparse(url)
        self.socket = socket.create_connection((where.hostname, where.port), PATIENCE)
        key = base64.b64encode(os.urandom(16)).decode()
        request = (f"GET {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\n"
                   "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                   f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n")
        self.socket.sendall(request.encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self._receive()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        assert b" 101 " in head.split(b"\r\n")[0], head

    def _receive(self):
        piece = self.socket.recv(1 << 16)
        assert piece, "the browser has closed the connection"
        self.buffer += piece

    def _take(self, count):
        while len(self.buffer) < count:
            self._receive()
        piece, self.buffer = self.buffer[:count], self.buffer[count:]
        return piece

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        size = len(data)
        head = (bytes([0x81, 0x80 | size]) if size < 126 else
                bytes([0x81, 0xFE]) + struct.pack(">H", size) if size < 1 << 16 else
                bytes([0x81, 0xFF]) + struct.pack(">Q", size))
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        self.socket.sendall(head + mask + masked)

    def receive(self):
        message = b""
        while True:
            first, second = self._take(2)
            size = second & 0x7F
            if size == 126:
                size = struct.unpack(">H", self._take(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self._take(8))[0]
            data = self._take(size)
            if first & 0x0F in (0x0, 0x1):  # a ping or a pong says nothing here
                message += data
                if first & 0x80:
                    return message.decode()


class Browser:
    def __init__(self, program):
        self.profile = tempfile.mkdtemp(prefix="vae-browser-")
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-port=0",
             f"--user-data-dir={self.profile}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.last, self.events = 0, {}
        try:
            self.socket = WebSocket(self._address())
        except BaseException:
            self.close()
            raise

    def _address(self):
        file = pathlib.Path(self.profile) / "DevToolsActivePort"
        for _ in range(20 * PATIENCE):
            assert self.process.poll() is None, f"the browser ended with {self.process.returncode}"
            lines = file.read_text().split() if file.exists() else []
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            time.sleep(0.05)
        raise AssertionError("the browser did not start")

    def call(self, method, session=None, **parameters):
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.receive())
            if answer.get("id") == self.last:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            if "method" in answer:
                self.events.setdefault(answer.get("sessionId"), []).append(answer)

    def close(self):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)


class Page:
    """A tab of a size; `touch` makes it a telephone."""

    def __init__(self, browser, url, width, height, touch=False):
        self.browser, self.touch = browser, touch
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.target = target
        self.session = browser.call("Target.attachToTarget", targetId=target,
                                    flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=2 if touch else 1, mobile=touch)
        if touch:
            self.call("Emulation.setTouchEmulationEnabled", enabled=True)
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def run(self, expression):
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        assert "exceptionDetails" not in answer, f"{expression}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def wait(self, condition):
        for _ in range(20 * PATIENCE):
            if self.run(f"Boolean({condition})"):
                return
            time.sleep(0.05)
        raise AssertionError(f"never: {condition}")

    def events(self, method):
        return [each["params"] for each in self.browser.events.get(self.session, [])
                if each["method"] == method]

    def troubles(self):
        """Exceptions, messages of the console, and requests that leave the page."""
        found = [each["exceptionDetails"]["text"] + str(each["exceptionDetails"].get("exception"))
                 for each in self.events("Runtime.exceptionThrown")]
        found += [str(each["args"]) for each in self.events("Runtime.consoleAPICalled")]
        found += [str(each["entry"]) for each in self.events("Log.entryAdded")]
        urls = [each["request"]["url"] for each in self.events("Network.requestWillBeSent")]
        found += [url for url in urls[1:] if not url.startswith("data:")]
        return found

    def place(self, selector, across=0.5, down=0.5):
        """A place of an element in the window, after it was scrolled there and that was drawn."""
        return self.run(f"""(async () => {{
            const element = document.querySelector({json.dumps(selector)}), before = scrollY;
            element.scrollIntoView({{block: 'center', behavior: 'instant'}});
            for (let i = 0; i < (scrollY === before ? 0 : 3); ++i) {{
              await new Promise(requestAnimationFrame);
            }}
            const box = element.getBoundingClientRect();
            return [box.left + {across} * box.width, box.top + {down} * box.height];
        }})()""")

    def drag(self, places):
        """Down at the first place, along the others, up at the last: by mouse or by finger."""
        if self.touch:
            time.sleep(0.5)  # a tap right behind a gesture is no click
            self._touch("touchStart", places[0])
            for place in places[1:]:
                self._touch("touchMove", place)
            self._touch("touchEnd", None)
            return
        self._mouse("mouseMoved", places[0], 0)
        self._mouse("mousePressed", places[0], 1)
        for place in places[1:]:
            self._mouse("mouseMoved", place, 1)
        self._mouse("mouseReleased", places[-1], 0)

    def click(self, selector, across=0.5, down=0.5):
        place = self.place(selector, across, down)
        self.run(f"""window.clicks = 0; document.querySelector({json.dumps(selector)})
            .addEventListener('click', () => {{ ++clicks; }}, {{once: true}})""")
        for _ in range(5):  # a finger that a busy machine lifts late has pressed, not clicked
            self.drag([place])
            for _ in range(20):
                if self.run("clicks"):
                    return
                time.sleep(0.05)
        raise AssertionError(f"nothing is clicked at {selector}")

    def hover(self, place):
        self._mouse("mouseMoved", place, 0)

    def press(self, key, modifiers=0):
        for kind in ("keyDown", "keyUp"):
            text = {"text": key} if len(key) == 1 and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, modifiers=modifiers, **text)

    def _mouse(self, kind, place, buttons):
        self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1],
                  button="none" if kind == "mouseMoved" and not buttons else "left",
                  buttons=buttons, clickCount=1)

    def _touch(self, kind, place):
        points = [{"x": place[0], "y": place[1]}] if place else []
        self.call("Input.dispatchTouchEvent", type=kind, touchPoints=points)

    def screenshot(self, path, whole=False):
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        pathlib.Path(path).write_bytes(base64.b64decode(picture["data"]))

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)
