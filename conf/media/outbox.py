"""The transmit batch: packets of this wake-up, sent with one system call (or a few).

Owner: the worker's loop. The forwarding loop writes straight into the slots and moves `count`; this
class only holds what it shares with the slow paths.
"""

from conf.media.srtp import OK, protect
from conf.media.udp import TX_SLOTS, Endpoint, MmsgPort


class Outbox:
    """`count` slots of `port.tx` are filled and protected, waiting for `flush`."""

    __slots__ = ("count", "failed", "packets", "port")

    def __init__(self, port: MmsgPort) -> None:
        self.port = port
        self.count = 0
        self.packets = 0
        self.failed = 0

    def flush(self) -> None:
        """Hand the batch to the kernel."""
        if self.count:
            self.packets += self.count
            self.port.flush(self.count)
            self.count = 0

    def room(self) -> int:
        """Index of a free slot, flushing first when all are filled."""
        if self.count == TX_SLOTS:
            self.flush()
        return self.count

    def commit(self, size: int, context: object, endpoint: Endpoint) -> bool:
        """Protect the RTP packet of `size` bytes in slot `count` and keep it for `endpoint`."""
        i = self.count
        tx = self.port.tx
        tx.lengths[2 * i + 1] = size
        if protect(context, tx.pointers[i], tx.sizes[i]) != OK:
            self.failed += 1
            return False
        self.commit_protected(endpoint)
        return True

    def commit_protected(self, endpoint: Endpoint) -> None:
        """Slot `count` holds a finished packet whose length is already set."""
        i = self.count
        if endpoint.pointer:
            self.port.tx.names[8 * i] = endpoint.pointer
        else:
            self.port.divert(i, endpoint)
        self.count = i + 1
