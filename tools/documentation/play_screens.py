"""Sheets of the page to play with: what each task answers, and each other panel.

python tools/documentation/play_screens.py [NAME=DIR…]

The tasks are those that `playmask play` takes, beside zh-small. In Chinese wide and light, in
English dark on a phone. A page that is wider than its window, or that says an error, is an error
here. It needs what screenshots.py needs. The sheets are docs/assets/play-*.webp.
"""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image
from playwright import sync_api as playwright
from screenshots import CHROMIUM, LOOKS, OUT, sheet, shot, too_wide, view_of

INSIDE = ("attention", "reasons", "parts", "mask")
"""The panels that look into the first task."""
BUTTONS = {"reasons": ".piece", "parts": "canvas.map"}
"""Those that wait for their button, and what it brings."""
PATIENCE = 120_000  # milliseconds: models are loaded and compiled
TALL = {"wide": 1000, "phone": 1200}  # windows, pixels: the longest panels fit
ROWS = {"wide": 3, "phone": 5}
HEIGHT = 640  # of each picture, pixels


@contextmanager
def played(tasks: list[str]) -> Iterator[str]:
    """The address of `playmask play`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "playmask", "play", *tasks, "--port", str(port)]
    server = subprocess.Popen(command)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def opened(view: Any, address: str, language: str) -> None:
    """Wait for the server, then for the first answer; in a language."""
    for _ in range(PATIENCE // 1000):
        try:
            view.goto(address)
            break
        except playwright.Error:
            view.wait_for_timeout(1000)
    else:
        raise SystemExit(f"{address} did not answer in {PATIENCE // 1000} seconds.")
    if view.evaluate("document.documentElement.lang")[:2] != language:
        view.click("#language")
    settled(view, "answer")


def settled(view: Any, panel: str) -> None:
    """Wait until a panel shows something and asks nothing more."""
    view.locator(f"#{panel} :first-child").first.wait_for()
    view.wait_for_load_state("networkidle")
    view.wait_for_timeout(500)


def panels(view: Any) -> Iterator[str]:
    """Open one after another: the answers of all tasks, then what is inside the first."""
    view.set_default_timeout(PATIENCE)
    tasks = view.locator("#task option").evaluate_all("all => all.map((one) => one.value)")
    for task in tasks:
        view.select_option("#task", task)
        settled(view, "answer")
        yield f"the answer of {task}"
    view.select_option("#task", tasks[0])
    for panel in INSIDE:
        view.click(f"#tab-{panel}")
        settled(view, panel)
        if panel in BUTTONS:
            view.click(f"#{panel} button.act")
            view.locator(f"#{panel} {BUTTONS[panel]}").first.wait_for()
        yield panel
    view.click("#tab-answer")


def look_at(browser: Any, address: str) -> list[str]:
    """A sheet of each language and size; what went wrong."""
    wrong: list[str] = []
    for language, (size, scheme) in LOOKS.items():
        view = view_of(browser, size, scheme)
        view.set_viewport_size({**view.viewport_size, "height": TALL[size]})
        view.on("pageerror", lambda error: wrong.append(str(error)))
        opened(view, address, language)
        shots: list[Image.Image] = []
        for panel in panels(view):
            if found := too_wide(view):
                wrong.append(f"{panel}: {found}")
            if view.locator("#fault").is_visible():
                wrong.append(f"{panel}: {view.locator('#fault').inner_text()}")
            shots.append(shot(view, HEIGHT))
        view.close()
        sheet(shots, ROWS[size]).save(OUT / f"play-{language}-{size}.webp", quality=60)
    return wrong


if __name__ == "__main__":
    with played(sys.argv[1:]) as where, playwright.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        faults = look_at(chromium, where)
        chromium.close()
    print(*faults, sep="\n", end="\n" * bool(faults))
    sys.exit(bool(faults))
