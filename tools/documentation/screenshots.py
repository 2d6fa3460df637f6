"""Sheets of all the site's pages as a browser shows them: wide and on a phone, light and dark.

python tools/documentation/screenshots.py build/site [docs/assets]

Chinese pages are wide and light, and dark on a phone; English ones the other way round. A page
that is wider than its window is an error. It needs Chromium, Playwright, and Pillow, which comes
with matplotlib. The pages are read from the built files.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright import sync_api as playwright

SIZES = {"wide": (1280, 1600), "phone": (375, 1200)}
LOOKS = {
    "zh": (("wide", "light"), ("phone", "dark")),
    "en": (("wide", "dark"), ("phone", "light")),
}
"""How pages of each language are looked at: the size and the scheme."""
HIGH, GAP, ROW = 200, 4, 16
"""The height of a page on a sheet, what is between two, and how many stand in a row."""
CHROMIUM = shutil.which("chromium")


def pages(site: Path) -> dict[str, list[Path]]:
    """The pages of each language, in the order of their paths."""
    found = sorted(path for path in site.rglob("index.html") if path.parent != site / "404")
    english = site / "en"
    return {
        "zh": [path for path in found if not path.is_relative_to(english)],
        "en": [path for path in found if path.is_relative_to(english)],
    }


def sheet(shots: list[Image.Image]) -> Image.Image:
    """Pictures of one height in rows."""
    wide = max(shot.width for shot in shots) + GAP
    rows = -(-len(shots) // ROW)
    paper = Image.new("RGB", (ROW * wide + GAP, rows * (HIGH + GAP) + GAP), "#808080")
    for number, shot in enumerate(shots):
        row, column = divmod(number, ROW)
        paper.paste(shot, (GAP + column * wide, GAP + row * (HIGH + GAP)))
    return paper


def main(site: Path, out: Path) -> int:
    """Make the sheets, and say which pages are wider than their window."""
    wrong = []
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for language, places in pages(site).items():
            for size, scheme in LOOKS[language]:
                wide, high = SIZES[size]
                window = {"viewport": {"width": wide, "height": high}, "color_scheme": scheme}
                view = browser.new_page(**window)
                shots = []
                for place in places:
                    view.goto(place.resolve().as_uri())
                    needed = view.evaluate("document.documentElement.scrollWidth")
                    if needed > wide:
                        wrong.append(f"{place.relative_to(site)}: {needed} on {wide}, {size}")
                    whole = Image.open(io.BytesIO(view.screenshot())).convert("RGB")
                    shots.append(whole.resize((wide * HIGH // high, HIGH), Image.LANCZOS))
                view.close()
                sheet(shots).save(out / f"pages-{language}-{size}.webp", quality=60)
        browser.close()
    print(*wrong, sep="\n", end="\n" * bool(wrong))
    return bool(wrong)


if __name__ == "__main__":
    target = Path(sys.argv[2] if len(sys.argv) > 2 else "docs/assets")
    sys.exit(main(Path(sys.argv[1]), target))
