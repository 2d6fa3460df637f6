"""Sheets of all the site's pages as a browser shows them: wide and light, and dark on a phone.

python tools/documentation/screenshots.py build/site

Chinese pages are wide, English ones on a phone. A page that is wider than its window is an error.
It needs Chromium, Playwright, and Pillow, which comes with matplotlib. The sheets are
docs/assets/pages-*.webp.
"""

import io
import shutil
import sys
import threading
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
GAP = 4
"""What is between two pages of a sheet."""
HEIGHT, ROW = 400, 10
"""Of a page's picture in pixels, so that headings can be read; how many stand in a row."""


def view_of(browser: Any, size: str, scheme: str) -> Any:
    """A window."""
    wide, high = SIZES[size]
    return browser.new_page(viewport={"width": wide, "height": high}, color_scheme=scheme)


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


def look_at(browser: Any, site: Path) -> list[str]:
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
                shots.append(shot(view, HEIGHT))
            view.close()
            sheet(shots, ROW).save(OUT / f"pages-{language}-{size}.webp", quality=45)
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


if __name__ == "__main__":
    with playwright.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        faults = look_at(chromium, Path(sys.argv[1]))
        chromium.close()
    print(*faults, sep="\n", end="\n" * bool(faults))
    sys.exit(bool(faults))
