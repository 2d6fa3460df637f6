"""The server: saved tasks that answer over HTTP, in batches, within limits (extra `serve`)."""

from playmask.lazy import find_submodules

find_submodules(__name__)
