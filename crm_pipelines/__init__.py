"""CRMs and PostgreSQL kept in step; see README.md for the tour."""

import ctypes
import os
import sys

__version__ = "0.1.0"

# Pages are megabytes in one piece. The C library hands such a piece back to the system at once
# until the first one is freed, and from then on keeps room of its size, by turns in every thread.
# Saying the limit, even as it is, stops that: a sync's peak is 10 MB lower. Not every C library
# has, or needs, the call.
_MMAP_THRESHOLD, _LIMIT = -3, 128 * 1024
if sys.platform == "linux" and hasattr(_libc := ctypes.CDLL(None), "mallopt"):
    _libc.mallopt(_MMAP_THRESHOLD, _LIMIT)

# Chunks are made by several threads, and of different sizes. This allocator gives back what one
# needed without being told to (the system's has to be told after each, which costs a fifth of the
# time of reading), and a sync's peak is 60 MB lower than with Arrow's first choice. Arrow reads
# this once, when it is loaded, and has it on these systems. Our few threads share one arena: of
# several, each would keep what it needed last.
if sys.platform in ("linux", "darwin"):
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "narenas:1")

# Migrations of Dagster's tables come with a template engine, which loads a highlighter of program
# texts for its error pages if it finds one: 4 MB, for pages that nobody ever sees.
sys.modules.setdefault("mako.ext.pygmentplugin", None)  # type: ignore[arg-type]  # "there is none"
