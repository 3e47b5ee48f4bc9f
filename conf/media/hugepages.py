"""How a media worker is started so that its memory lies on huge pages.

Between two packets the core sleeps and other work takes its address cache; on pages of 4 KiB each
wake-up then walks the page tables again for hundreds of objects of sixty sites, in a virtual
machine at twice the price. Measured at 1→60: a fifth to a third of all CPU (decisions/0016).
glibc asks for huge pages (2.35 and later); Python's own allocator does not, so the worker goes
without it. Where the kernel grants none, nothing changes but some memory.
"""

import platform
import shutil
from typing import Final

_ENVIRONMENT: Final = (
    "PYTHONMALLOC=malloc",
    # The packet slots too (half a MiB): else they get a mapping of their own, too small for one.
    # No fast bins: each packet's bytes would have them emptied first.
    "GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432"
    ":glibc.malloc.mxfast=0",
)


def prefix() -> list[str]:
    """What to write before a worker's command; nothing where the C library is another."""
    env = shutil.which("env")
    if env is None or platform.libc_ver()[0] != "glibc":
        return []
    return [env, *_ENVIRONMENT]
