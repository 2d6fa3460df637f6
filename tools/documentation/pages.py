"""MkDocs hook: which file each page is read from, and where its links lead.

mkdocs-static-i18n takes `page.md` for the default language's and refuses a `page.zh.md` beside it.
Here `page.md` is English and Chinese is the default: an English page that has a Chinese twin goes
by the name `page.en.md`, one that has none stays what both languages show. Pages of the repository
outside `docs/` go by their own path.
"""

import posixpath
import re
from functools import partial
from pathlib import Path

from markdown.extensions.toc import unique
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File
from pymdownx.slugs import slugify

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OUTSIDE = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "data/reviews_zh/README.md",
    "data/samples/README.md",
    "data/samples/README.zh.md",
    "examples/README.md",
    "examples/README.zh.md",
    "examples/from_bert4keras/README.md",
    "examples/from_bert4keras/README.zh.md",
    "recipes/zh_small/README.md",
    "recipes/zh_small/README.zh.md",
    "src/playmask/checkpoints/built_in/zh_small/README.md",
)
"""Pages of the site that lie outside `docs/`, by their paths in the repository."""
LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?P<path>[^)\s:#]+)(?P<place>#[^)\s]*)?\)")
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
BROKEN = re.compile(
    r"(?<=[，。；：、？！）》」』”…])\n *(?![-*+|#>\s]|\d+\.\s)"
    r"|(?<=[\u4e00-\u9fff])\n *(?=[\u4e00-\u9fff（《「『“])"
)
"""A line's end in Chinese prose, which a browser would show as a space."""
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def source(page: str) -> Path:
    """The file that a page of the site is read from, by the page's name."""
    english = page.replace(".en.md", ".md")
    return ROOT / english if english in OUTSIDE else DOCS / english


def has_twin(page: str) -> bool:
    """Whether an English page has a Chinese one beside it."""
    return source(page.replace(".md", ".zh.md")).is_file()


@event_priority(0)  # before mkdocs-static-i18n, which is last
def on_files(files, config):
    """Add the pages outside, and let English pages with a Chinese twin go by `page.en.md`."""
    place = (config.docs_dir, config.site_dir, config.use_directory_urls)
    for path in OUTSIDE:
        files.append(File(path, *place))
    for file in files.documentation_pages():
        if not file.src_uri.endswith(".zh.md") and has_twin(file.src_uri):
            files.remove(file)
            files.append(File(file.src_uri.replace(".md", ".en.md"), *place))
    return files


def on_page_read_source(page, config):
    """Read a page from the file that it stands for."""
    return source(page.file.src_uri).read_text(encoding="utf-8")


def page_of(path: Path) -> str | None:
    """The name of the page that a file of the repository is; None where it is none."""
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
    return name if name in OUTSIDE else None


def outside_code(markdown: str, change) -> str:
    """A page whose prose is changed by a function, and whose code stays as it is."""
    parts, end = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [change(markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, change(markdown[end:])])


def on_page_markdown(markdown, page, config, files):
    """Let links lead to pages, headings have one name in both languages, and join Chinese lines."""
    name = page.file.src_uri
    markdown = outside_code(markdown, partial(with_links, name, config.repo_url))
    if not name.endswith(".zh.md"):
        return markdown
    places = iter(places_of(source(name.replace(".zh.md", ".md")).read_text(encoding="utf-8")))
    named = partial(HEADING.sub, lambda match: f"{match[0]} {{#{next(places)}}}")
    return outside_code(outside_code(markdown, named), partial(BROKEN.sub, ""))


def places_of(markdown: str) -> list[str]:
    """What a link behind # calls each heading of a page."""
    slug, used, prose = slugify(case="lower"), set(), FENCE.sub("", markdown)
    return [unique(slug(re.sub("[`*]", "", text), "-"), used) for _, text in HEADING.findall(prose)]


def with_links(name: str, repository: str | None, text: str) -> str:
    """Prose whose links to files of the repository lead to their pages; to no page, they are names.

    Where there is a `repo_url` they lead there instead. A file that does not exist stays as it is,
    so that MkDocs refuses it.
    """
    here, folder = source(name).parent, posixpath.dirname(name) or "."

    def lead(match):
        path = Path(posixpath.normpath((here / match["path"]).as_posix()))
        if not path.exists():
            return match[0]
        if page := page_of(path):
            return f"[{match['text']}]({posixpath.relpath(page, folder)}{match['place'] or ''})"
        inside = path.relative_to(ROOT).as_posix()
        if repository:
            return f"[{match['text']}]({repository}/blob/main/{inside})"
        return f"{match['text']} (`{inside}`)"

    return LINK.sub(lead, text)


@event_priority(
    0
)  # behind mkdocs-static-i18n, whose links to a home page begin at the server's root
def on_page_context(context, page, config, nav):
    """Let the language switch lead to the same page, wherever the site is put."""
    for alternate in config.extra.alternate:
        alternate["link"] = page.file.alternates[alternate["lang"]].url
    return context
