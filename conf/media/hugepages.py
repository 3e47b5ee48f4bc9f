"""The environment in which a media worker's memory lies on huge pages.

Between two packets the core sleeps and other work takes its address cache; on pages of 4 KiB each
wake-up then walks the page tables again for hundreds of objects of sixty sites, in a virtual
machine at twice the price. Measured at 1→60: 30 % of all CPU (docs/bridge-measurements.md).
glibc asks for huge pages (2.35 and later); Python's own allocator does not, so the worker goes
without it. Where the kernel grants none, nothing changes but some memory.
"""

import platform
from collections.abc import Mapping
from typing import Final

# The packet slots too (half a MiB), which would else get a mapping of their own, too small for one.
_TUNABLES: Final = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432"


def worker_environment(present: Mapping[str, str]) -> dict[str, str]:
    """`present` and what the allocator shall do; an operator's own wish stands."""
    if platform.libc_ver()[0] != "glibc" or "PYTHONMALLOC" in present:
        return dict(present)
    tunables = ":".join(filter(None, (_TUNABLES, present.get("GLIBC_TUNABLES"))))
    return {**present, "PYTHONMALLOC": "malloc", "GLIBC_TUNABLES": tunables}
