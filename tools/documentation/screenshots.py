"""Sheets of all pages as a browser shows them: wide and on a phone, light and dark.

python tools/documentation/screenshots.py site build/site
python tools/documentation/screenshots.py play TASK_DIR

The site's Chinese pages are wide and light, English ones dark and on a phone. A page that is
wider than its window is an error. The panels of `playmask play` show a classifier, whose reasons
can be told. It needs Chromium, Playwright, and Pillow, which comes with matplotlib. The sheets are
docs/assets/*.webp.
"""

import io
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image
from playwright import sync_api as playwright

OUT = Path(__file__).parents[2] / "docs" / "assets"
CHROMIUM = shutil.which("chromium")
SIZES = {"wide": (1280, 1600), "phone": (375, 1200)}
LOOKS = {"zh": ("wide", "light"), "en": ("phone", "dark")}
"""How pages of each language are looked at: the size and the scheme."""
PANELS = ("answer", "attention", "reasons", "parts", "mask")
TEXT = "房间很干净，服务也周到，下次还来。"
GAP = 4
"""What is between two pages of a sheet."""


def view_of(browser: Any, size: str, scheme: str, locale: str = "zh-CN") -> Any:
    """A window."""
    wide, high = SIZES[size]
    return browser.new_page(
        viewport={"width": wide, "height": high}, color_scheme=scheme, locale=locale
    )


def shot(view: Any, high: int) -> Image.Image:
    """What a window shows, in a height."""
    whole = Image.open(io.BytesIO(view.screenshot())).convert("RGB")
    return whole.resize((whole.width * high // whole.height, high), Image.LANCZOS)


def too_wide(view: Any) -> str:
    """What is wrong with a page that does not fit into its window."""
    needed, wide = view.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    return f"{needed} on {wide}" if needed > wide else ""


def sheet(shots: list[Image.Image], row: int) -> Image.Image:
    """Pictures of one size, so many in a row."""
    wide, high = (each + GAP for each in shots[0].size)
    paper = Image.new("RGB", (row * wide + GAP, -(-len(shots) // row) * high + GAP), "#808080")
    for number, each in enumerate(shots):
        paper.paste(each, (GAP + number % row * wide, GAP + number // row * high))
    return paper


def pages(site: Path) -> dict[str, list[Path]]:
    """The pages of each language, in the order of their paths."""
    found = sorted(site.rglob("index.html"))
    english = site / "en"
    return {
        "zh": [path for path in found if not path.is_relative_to(english)],
        "en": [path for path in found if path.is_relative_to(english)],
    }


def look_at_site(browser: Any, site: Path) -> list[str]:
    """A sheet of each language and size; what does not fit."""
    wrong = []
    with over_http(site) as address:
        for language, places in pages(site).items():
            size, scheme = LOOKS[language]
            view, shots = view_of(browser, size, scheme), []
            for place in places:
                view.goto(f"{address}/{place.parent.relative_to(site).as_posix()}/")
                if found := too_wide(view):
                    wrong.append(f"{place.relative_to(site)}: {found}")
                shots.append(shot(view, 200))
            view.close()
            sheet(shots, 16).save(OUT / f"pages-{language}-{size}.webp", quality=60)
    return wrong


@contextmanager
def over_http(site: Path) -> Iterator[str]:
    """The address of the built site: opened as files, its pages have no search."""
    handler = partial(Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing of it."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of the page to play with."""
    import uvicorn

    from playmask.cli.messages import translated
    from playmask.play.app import create_page
    from playmask.play.played import built_in, load_played

    app = create_page([load_played("reviews", folder), *built_in()], translated)
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [own]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield f"http://127.0.0.1:{own.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def look_at_play(browser: Any, folder: Path) -> list[str]:
    """A sheet of all panels in each size, and the attention of zh-small."""
    wrong, shots = [], {}
    with served(folder) as address:
        for language, locale in (("zh", "zh-CN"), ("en", "en-GB")):
            size, scheme = LOOKS[language]
            view = view_of(browser, size, scheme, locale)
            view.goto(address)
            view.wait_for_load_state("networkidle")
            view.fill("#text", TEXT)
            for panel in PANELS:
                view.click(f"#tab-{panel}")
                if panel == "reasons":
                    view.click("#reasons button.act")
                    view.locator("#reasons .piece").first.wait_for(timeout=120_000)
                view.wait_for_load_state("networkidle")
                view.wait_for_timeout(500)
                if found := too_wide(view):
                    wrong.append(f"{panel}: {found}")
                shots.setdefault(size, []).append(shot(view, 640))
            view.close()
        attention(browser, address)
    for size, each in shots.items():
        sheet(each, len(PANELS)).save(OUT / f"play-{size}.webp", quality=70)
    return wrong


def attention(browser: Any, address: str) -> None:
    """The picture of docs/play.md."""
    view = view_of(browser, "wide", "light", "en-GB")
    view.goto(address)
    view.select_option("#task", "zh-small [MASK]")
    view.click("#tab-attention")
    view.fill("#text", "今天天气很[MASK]，我们去公园走走吧。")
    view.wait_for_load_state("networkidle")
    view.locator("#attention canvas.map").hover(position={"x": 150, "y": 150})
    view.screenshot(path=OUT / "play.png", full_page=True)
    view.close()


LOOK = {"site": look_at_site, "play": look_at_play}

if __name__ == "__main__":
    with playwright.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        faults = LOOK[sys.argv[1]](chromium, Path(sys.argv[2]))
        chromium.close()
    print(*faults, sep="\n", end="\n" * bool(faults))
    sys.exit(bool(faults))
