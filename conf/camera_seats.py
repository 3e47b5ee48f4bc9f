"""The cameras of one room: their seats in the worker and their streams. Owner: the room."""

from pathlib import Path

import structlog

from conf.cameras.service import Cameras
from conf.cameras.store import CameraRow
from conf.media.client import MediaWorker
from conf.model import RoomView, Seat, SiteRole, TrackState
from core.clock import Clock
from core.database import Database
from core.errors import NotFound, Unavailable
from core.ids import ParticipantId

log = structlog.get_logger(__name__)


class CameraSeats:
    """Brings cameras into a room and back into it after a restart."""

    def __init__(
        self, meeting_id: str, database: Database, clock: Clock, worker: MediaWorker,
        cameras: Cameras,
    ) -> None:  # fmt: skip
        self._meeting_id = meeting_id
        self._database = database
        self._clock = clock
        self._worker = worker
        self._cameras = cameras

    async def row(self, camera_id: str) -> CameraRow:
        """The camera as an administrator has named it. Raises: NotFound."""
        async with self._database.read() as uow:
            return await self._cameras.camera(uow, camera_id)

    def seat(self, participant_id: ParticipantId, row: CameraRow) -> Seat:
        """A camera's seat before its first picture."""
        return Seat(
            participant_id, row.unit_id, row.name, row.name, SiteRole.CAMERA, self._clock.now(),
            is_connected=False, camera=TrackState(is_on=True), quality="lost", note="connecting",
            note_code="connecting",
        )  # fmt: skip

    async def start(self, participant_id: ParticipantId, row: CameraRow) -> None:
        """Read it into its seat, which the room's orders must name already.

        Where the worker is away, `start_again` follows when it is back.
        """
        try:
            key = await self._worker.join_plain(self._meeting_id, participant_id)
        except Unavailable as error:
            log.warning("camera_waits_for_worker", participant_id=participant_id, cause=str(error))
            return
        socket: Path = self._worker.plain_socket
        await self._cameras.open(self._meeting_id, participant_id, row, key, socket)

    def move(self, worker: MediaWorker) -> None:
        """The room has moved to another worker; `start_again` follows."""
        self._worker = worker

    async def stop(self, participant_id: ParticipantId) -> None:
        """Read it no more; idempotent."""
        await self._cameras.close(participant_id)

    async def start_again(self, state: RoomView) -> None:
        """After the worker was restarted. A camera deleted meanwhile stays dark."""
        for participant_id, camera_id in state.cameras.items():
            try:
                await self.start(participant_id, await self.row(camera_id))
            except NotFound:
                continue
