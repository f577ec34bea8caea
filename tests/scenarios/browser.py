"""The management page as its user sees it, in headless Chromium by WebDriver. Runs where the page
is: browser.py URL TOKEN DESTINATION SCREENSHOT. Drains the destination by its button and enables it
again; prints what it saw as one JSON object."""
import base64
import json
import subprocess
import sys
import time
import urllib.request

DRIVER = "http://127.0.0.1:9515"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of a reference (W3C WebDriver 11)
WITHIN_S = 15


class Browser:
    def __init__(self):
        self.driver = subprocess.Popen(["chromedriver", "--port=9515"], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        self.until(self.ready, "chromedriver")
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu",
                            "--disable-dev-shm-usage", "--window-size=1400,1250"]}
        self.session = ""
        made = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.session = f"/session/{made['sessionId']}"

    def ready(self):
        try:
            with urllib.request.urlopen(f"{DRIVER}/status", timeout=2) as reply:
                return json.load(reply)["value"]["ready"]
        except OSError:
            return False

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{DRIVER}{path}", data, method=method, headers={
            "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)["value"]

    def run(self, script, *arguments):
        return self.call("POST", f"{self.session}/execute/sync",
                         {"script": script, "args": list(arguments)})

    def type_into(self, selector, text):
        element = self.call("POST", f"{self.session}/element",
                            {"using": "css selector", "value": selector})[ELEMENT]
        self.call("POST", f"{self.session}/element/{element}/value", {"text": text})

    @staticmethod
    def until(condition, what):
        end = time.monotonic() + WITHIN_S
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"waited {WITHIN_S} s for {what}")
            time.sleep(0.1)

    def close(self):
        try:
            if self.session:
                self.call("DELETE", self.session)
        finally:
            self.driver.terminate()
            self.driver.wait(10)


def row_of(destination):
    return (f'[...document.querySelectorAll("#groups tr")].find(r => r.textContent.startsWith('
            f'"{destination}"))')


def main():
    url, token, destination, screenshot = sys.argv[1:]
    browser = Browser()
    try:
        browser.call("POST", f"{browser.session}/url", {"url": url})
        state = f"return {row_of(destination)}?.querySelector('.pill').textContent"
        browser.until(lambda: browser.run(state) == "active", "the destination in the table")
        locked = browser.run(f"return {row_of(destination)}.querySelector('button').disabled")
        browser.type_into("#token", token)
        browser.run("document.querySelector('#access button').click()")
        click = f"{row_of(destination)}.querySelector('button').click()"
        browser.until(lambda: browser.run(
            f"return !{row_of(destination)}.querySelector('button').disabled"), "the buttons")
        browser.run(click)
        browser.until(lambda: browser.run(state) in ("draining", "disabled"), "the drained state")
        drained = browser.run(state)
        browser.until(lambda: browser.run(
            "return document.querySelectorAll('#calls-graph path.line').length") == 1, "a graph")
        time.sleep(3)  # some more points for the picture
        with open(screenshot, "wb") as file:
            file.write(base64.b64decode(browser.call("GET", f"{browser.session}/screenshot")))
        browser.run(click)
        browser.until(lambda: browser.run(state) == "active", "the enabled state")
        log = browser.call("POST", f"{browser.session}/se/log", {"type": "browser"})
        print(json.dumps({
            "locked": locked, "drained": drained,
            "text": browser.run("return document.body.innerText"),
            "outside": browser.run(
                "return performance.getEntriesByType('resource').map(e => e.name)"
                ".filter(n => !n.startsWith(location.origin))"),
            "log": [line["message"] for line in log]}))
    finally:
        browser.close()


if __name__ == "__main__":
    main()
