"""A tab as a person uses it: looks, points, types, presses keys, and waits for what comes.

Mouse and keys go through the browser's own input, so what is covered cannot be clicked and what
has no focus cannot be typed into. Whatever the page complains of is kept in `complaints`.
"""

import base64
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from tests.browser.chromium import CALL_S, BrowserError, Chromium

Json = Any

DESKTOP: Final = (1280, 900)
PHONE: Final = (360, 740)

_WAIT_MS: Final = 20_000
_KEYS: Final = {
    "Tab": 9,
    "Enter": 13,
    "Escape": 27,
    " ": 32,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
    "Backspace": 8,
}
_SHIFT: Final = 8

# Elements that are seen, by a selector and, if it is given, the text that they hold.
_SEEN: Final = """
const seen = (selector, text) => [...document.querySelectorAll(selector)].filter((each) =>
  each.checkVisibility({ visibilityProperty: true }) && (!text || each.textContent.includes(text)));
"""


@dataclass(frozen=True, slots=True)
class Post:
    """A request with a body, as the page sent it; `path` is with its query."""

    path: str
    media_type: str
    body: str


class Page:
    """One tab with cookies of its own. Use as a context to close it."""

    def __init__(
        self, browser: Chromium, *, size: tuple[int, int] = DESKTOP, dark: bool = False
    ) -> None:
        """Keep how the tab is to look; `__enter__` opens it."""
        self._browser = browser
        self._size = size
        self._dark = dark
        self._context = ""
        self._session = ""
        self.complaints: list[str] = []
        """Errors and warnings of the console, exceptions, and violations of the content policy."""
        self.posts: list[Post] = []
        """What the page has sent, oldest first."""

    def __enter__(self) -> Self:
        self._context = self._browser.call("Target.createBrowserContext")["browserContextId"]
        target = self._browser.call(
            "Target.createTarget", url="about:blank", browserContextId=self._context
        )
        attached = self._browser.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Audits", "Network"):
            self.call(f"{domain}.enable")
        width, height = self._size
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if self._dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.call("Emulation.setEmulatedMedia", features=features)
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.call("Target.disposeBrowserContext", browserContextId=self._context)

    def call(self, method: str, **parameters: object) -> Json:
        """Send a command to this tab, and hear what it has told meanwhile."""
        try:
            return self._browser.call(method, self._session, **parameters)
        finally:
            self._hear()

    # --- looking --------------------------------------------------------------------------------

    def open(self, address: str) -> None:
        """Go to an address and wait until the page is loaded."""
        answer = self.call("Page.navigate", url=address)
        assert "errorText" not in answer, f"{address}: {answer['errorText']}"
        self._await_event("Page.loadEventFired")

    def reload(self) -> None:
        """Load the page again."""
        self.call("Page.reload")
        self._await_event("Page.loadEventFired")

    def ask(self, expression: str) -> Json:
        """Return the value of an expression of the page; a promise is awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until an expression of the page is true."""
        patient = f"""new Promise((done) => {{
          {_SEEN}
          const end = performance.now() + {_WAIT_MS};
          const look = () => {{
            const found = ({condition});
            if (found || performance.now() > end) done(Boolean(found));
            else setTimeout(look, 20);
          }};
          look();
        }})"""
        assert self.ask(patient), f"waited in vain for {condition}; the page says:\n{self.text()}"

    def wait_for(self, selector: str, text: str = "") -> None:
        """Wait until an element is seen that holds the text."""
        self.wait(f"seen({json.dumps(selector)}, {json.dumps(text)}).length > 0")

    def text(self, selector: str = "body") -> str:
        """Return the text of the first element, as it is seen."""
        return str(self.ask(f"document.querySelector({json.dumps(selector)}).innerText"))

    def sees(self, selector: str, text: str = "") -> bool:
        """Return whether an element is seen that holds the text."""
        found = f"seen({json.dumps(selector)}, {json.dumps(text)}).length > 0"
        return bool(self.ask(f"(() => {{ {_SEEN} return {found}; }})()"))

    def focused(self) -> str:
        """Return the id of the element that has the focus, or its text where it has none."""
        return str(self.ask("document.activeElement.id || document.activeElement.textContent"))

    def is_wider_than_the_window(self) -> bool:
        """Return whether one would have to scroll sideways."""
        page = "document.scrollingElement"
        return bool(self.ask(f"{page}.scrollWidth > {page}.clientWidth"))

    def take_picture(self, file: Path) -> None:
        """Write the whole page to a PNG file."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(answer["data"]))

    # --- doing ----------------------------------------------------------------------------------

    def click(self, selector: str, text: str = "") -> None:
        """Click in the middle of the first element that is seen and holds the text."""
        self.wait_for(selector, text)
        point = self.ask(f"""(() => {{
          {_SEEN}
          const [target] = seen({json.dumps(selector)}, {json.dumps(text)});
          target.scrollIntoView({{ block: 'center', behavior: 'instant' }});
          const box = target.getBoundingClientRect();
          const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
          const hit = document.elementFromPoint(x, y);
          return {{ x, y, hit: target.contains(hit) || Boolean(hit?.contains(target)) }};
        }})()""")
        assert point.pop("hit"), f"{selector} {text} is covered by something else"
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **point)

    def fill(self, selector: str, text: str) -> None:
        """Click on a field, and type a text in place of what is there."""
        self.click(selector)
        self.ask("document.activeElement.select()")
        if text:
            self.type(text)
        else:
            self.press("Backspace")

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a list by its value."""
        self.ask(f"""(() => {{
          const list = document.querySelector({json.dumps(selector)});
          list.value = {json.dumps(value)};
          list.dispatchEvent(new Event('change', {{ bubbles: true }}));
        }})()""")

    def type(self, text: str) -> None:
        """Type a text, key by key, into what has the focus."""
        for sign in text:
            self.call("Input.dispatchKeyEvent", type="keyDown", text=sign, key=sign)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=sign)

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key by its name, such as `Tab`."""
        code = _KEYS[key]
        typed = {"Enter": "\r", " ": " "}.get(key)
        parameters: dict[str, object] = {
            "key": key,
            "code": "Space" if key == " " else key,
            "windowsVirtualKeyCode": code,
            "modifiers": _SHIFT if shift else 0,
        }
        text = {} if typed is None else {"text": typed}
        self.call("Input.dispatchKeyEvent", type="keyDown", **parameters, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **parameters)

    # --- hearing --------------------------------------------------------------------------------

    def _await_event(self, method: str) -> None:
        deadline = time.monotonic() + CALL_S
        while not self._hear(method):
            self._browser.events.append(self._browser.receive(deadline))

    def _hear(self, awaited: str = "") -> bool:
        """Take in what this tab has told, up to an awaited event; return whether that came."""
        events = self._browser.events
        for _ in range(len(events)):
            event = events.popleft()
            if event.get("sessionId") != self._session:
                events.append(event)
                continue
            self._note(event["method"], event["params"])
            if event["method"] == awaited:
                return True
        return False

    def _note(self, method: str, told: Json) -> None:
        if method == "Runtime.consoleAPICalled" and told["type"] in {"error", "warning", "assert"}:
            self.complaints.append(f"console: {told['args']}")
        if method == "Network.requestWillBeSent" and "postData" in told["request"]:
            request = told["request"]
            address = urlsplit(request["url"])
            path = f"{address.path}?{address.query}" if address.query else address.path
            media_type = request["headers"].get("Content-Type", "")
            self.posts.append(Post(path, media_type, request["postData"]))
        if method == "Runtime.exceptionThrown":
            self.complaints.append(f"exception: {told['exceptionDetails']}")
        if method == "Log.entryAdded" and told["entry"]["level"] in {"error", "warning"}:
            self.complaints.append(f"{told['entry']['source']}: {told['entry']['text']}")
        if method == "Audits.issueAdded" and told["issue"]["code"] != "PerformanceIssue":
            self.complaints.append(f"issue: {told['issue']['code']}: {told['issue']['details']}")
