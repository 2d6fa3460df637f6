"""A sheet of the site's pages as a browser shows them: wide and on a phone, light and dark.

python tools/documentation/screenshots.py build/site [docs/assets/pages.webp]

It needs Chromium, and Pillow, which comes with matplotlib. The pages are read from the built files.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

PAGES = ("index", "pictures", "parts", "recipes", "faq", "performance", "start", "en/pictures")
SIZES = {"wide": (1280, 1600), "phone": (390, 1600)}
SCHEMES = {"light": 1, "dark": 0}  # as Chromium numbers them
HIGH = 420
"""The height of a page on the sheet."""


def shot(page: Path, size: tuple[int, int], scheme: int, out: Path) -> Image.Image:
    """What Chromium shows of a page.

    Headless windows are at least 500 wide, so that a page is shown in a frame of its size.
    """
    wide, high = size
    frame = out.with_suffix(".html")
    style = f"border:0;width:{wide}px;height:{high}px"
    body = f'<body style="margin:0"><iframe src="{page.as_uri()}" style="{style}"></iframe>'
    frame.write_text(body, encoding="utf-8")
    command = [
        shutil.which("chromium") or shutil.which("google-chrome") or "chromium",
        *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        "--allow-file-access-from-files",
        f"--blink-settings=preferredColorScheme={scheme}",
        f"--window-size={max(wide, 500)},{high}",
        "--virtual-time-budget=4000",
        f"--screenshot={out}",
        frame.as_uri(),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return Image.open(out).convert("RGB").crop((0, 0, wide, high))


def main(site: Path, out: Path, folder: Path) -> None:
    """Make the sheet: a column for each page, a row for each size and scheme."""
    rows = []
    for size_name, size in SIZES.items():
        for scheme_name, scheme in SCHEMES.items():
            row = []
            for page in PAGES:
                place = site / page if page != "index" else site
                name = f"{page.replace('/', '-')}-{size_name}-{scheme_name}.png"
                row.append(shot((place / "index.html").resolve(), size, scheme, folder / name))
            rows.append([each.resize((each.width * HIGH // each.height, HIGH)) for each in row])
    wide = max(sum(each.width + 8 for each in row) for row in rows)
    sheet = Image.new("RGB", (wide + 8, len(rows) * (HIGH + 8) + 8), "#808080")
    for number, row in enumerate(rows):
        left = 8
        for each in row:
            sheet.paste(each, (left, 8 + number * (HIGH + 8)))
            left += each.width + 8
    sheet.save(out, quality=72)


if __name__ == "__main__":
    target = Path(sys.argv[2] if len(sys.argv) > 2 else "docs/assets/pages.webp")
    if len(sys.argv) > 3:
        main(Path(sys.argv[1]), target, Path(sys.argv[3]))
    else:
        with TemporaryDirectory() as temporary:
            main(Path(sys.argv[1]), target, Path(temporary))
