"""An SMSC of another hand (smpp34 from PyPI), run by an interpreter that has it: see sms_smpp.

    python _smpp34_server.py PORT REFUSED BUSY

Prints a JSON line for each submit_sm. REFUSED: a number it never takes (ESME_RINVDSTADR); BUSY:
one it takes the second time (ESME_RMSGQFUL before). Whoever asks for a receipt gets it.
"""

import asyncio
import json
import sys
from typing import Any

import smpp34

RINVDSTADR = 0x0B
RECEIPT = (
    "id:{id} sub:001 dlvrd:001 submit date:2611290800 done date:2611290801 stat:DELIVRD err:000"
)


class Smsc:
    """One server, one client."""

    def __init__(self, refused: str, busy: str) -> None:
        self._refused = refused
        self._busy = {busy}
        self._esme: Any = None
        self._receipts: set[asyncio.Task[Any]] = set()
        self._count = 0

    async def serve(self, port: int) -> None:
        server = smpp34.Server("127.0.0.1", port, system_id="SMSC")
        await server.start()
        _say({"ready": port})
        while True:
            event = await server.next()
            if isinstance(event, smpp34.Esme):
                self._esme = event
                _say({"bound": event.system_id})
            elif isinstance(event, smpp34.SubmitSmEvent):
                self._take(event)

    def _take(self, event: Any) -> None:
        number = event.destination_addr
        if number == self._refused:
            event.reject(RINVDSTADR)
        elif number in self._busy:
            self._busy.remove(number)
            event.reject(smpp34.ESME_RMSGQFUL)
        else:
            self._accept(event)

    def _accept(self, event: Any) -> None:
        self._count += 1
        event.accept(str(self._count))
        _say(
            {
                "number": event.destination_addr, "esm_class": event.esm_class,
                "coding": event.data_coding, "hex": event.short_message.hex(),
            }
        )  # fmt: skip
        if event.registered_delivery & 1:
            receipt = asyncio.create_task(self._report(event, str(self._count)))
            self._receipts.add(receipt)
            receipt.add_done_callback(self._receipts.discard)

    async def _report(self, event: Any, message_id: str) -> None:
        await self._esme.deliver_sm(
            event.source_addr, RECEIPT.format(id=message_id).encode(),
            source_addr=event.destination_addr, source_addr_ton=1, source_addr_npi=1, esm_class=4,
        )  # fmt: skip


def _say(fact: dict[str, Any]) -> None:
    print(json.dumps(fact), flush=True)


if __name__ == "__main__":
    asyncio.run(Smsc(sys.argv[2], sys.argv[3]).serve(int(sys.argv[1])))
