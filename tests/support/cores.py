"""What a busy machine costs: time without a core is nobody's slowness."""

import os

from conf.watchdog import how_it_ran


def waited_s(*process_ids: int) -> float:
    """Seconds that we and these processes were ready to run and had no core."""
    ran = [how_it_ran(process_id) for process_id in (os.getpid(), *process_ids)]
    return sum(one.waited_s for one in ran if one is not None)
