"""The transmit batch: packets of this wake-up, sent with one system call (or a few).

Owner: the worker's loop. The forwarding loop writes straight into the slots and moves `count`; this
class only holds what it shares with the slow paths.
"""

from typing import TYPE_CHECKING

from conf.media.srtp import OK, protect
from conf.media.udp import TX_SLOTS, Cuts, Endpoint, MmsgPort

if TYPE_CHECKING:
    from conf.media.shaper import Shaper


class Outbox:
    """`count` slots of `port.tx` are filled and protected; `messages` will carry them.

    A message is one slot, or several of one destination that the kernel cuts apart again.
    """

    __slots__ = ("count", "failed", "holders", "messages", "packets", "port", "sends")

    def __init__(self, port: MmsgPort) -> None:
        self.port = port
        self.count = 0
        self.messages = 0
        self.packets = 0
        self.sends = 0  # messages they left in
        self.failed = 0
        self.holders: set[Shaper] = set()  # who has packets to let go later

    def flush(self) -> None:
        """Hand the batch to the kernel."""
        if not self.count:
            return
        self.packets += self.count
        self.sends += self.messages
        self.port.flush(self.messages)
        self.count = self.messages = 0

    def room(self) -> int:
        """Index of a free slot, flushing first when all are filled."""
        if self.count == TX_SLOTS:
            self.flush()
        return self.count

    def deliver(self, stop: int, endpoint: Endpoint, cuts: Cuts | None = None) -> None:
        """Slots count..stop-1 are finished packets for `endpoint`; `cuts`: when all are there."""
        if not endpoint.pointer:
            self._send_framed(stop, endpoint)
            return
        port, first, message = self.port, self.count, self.messages
        if cuts is None or sum(cuts[-1]) != stop - first:
            lengths = port.tx.lengths
            cuts = port.cut([lengths[2 * i + 1] for i in range(first, stop)])
        for start, count in cuts:
            port.shape(message, first + start, count, endpoint.pointer)
            message += 1
        self.messages = message
        self.count = stop

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
        self.deliver(self.count + 1, endpoint)

    def _send_framed(self, stop: int, endpoint: Endpoint) -> None:
        """Finished packets for a TCP endpoint leave at once; their slots are free again."""
        tx = self.port.tx
        for i in range(self.count, stop):
            base = tx.bases[i]
            endpoint.send_frame(bytes(tx.memory[base : base + tx.lengths[2 * i + 1]]))
            self.packets += 1
