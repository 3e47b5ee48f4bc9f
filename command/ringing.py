"""Ringing people awake whose SMS stays unanswered: ordered with the escalation, told in the log."""

from dataclasses import replace

from command.assignment import Assignment, AssignmentState
from command.log import LogKind
from command.ports import Addressee, Messenger, RingEnded, RingOrder
from command.scene import Scene
from core.errors import InvalidInput

RESULTS = {
    "answered": "已接听", "no_answer": "无人接听", "busy": "占线", "rejected": "未接通",
    "failed": "未能拨出",
}  # fmt: skip
"""What a ring-out's result is called; whatever else ended it: nobody was rung."""


class Ringing:
    """Orders ring-outs and writes down how they ended. A call taken confirms nothing."""

    def __init__(self, messenger: Messenger) -> None:
        self._messenger = messenger

    async def wake(self, scene: Scene, assignment: Assignment) -> Assignment:
        """Ring somebody whose time to answer is over, if the plan says so. Returns: their row."""
        ring_s = scene.plan.escalation.ring_s
        if not ring_s or assignment.state is AssignmentState.PENDING:
            return assignment
        order = RingOrder(
            key=_key(assignment),
            addressee=Addressee(
                assignment.person_id, assignment.name, assignment.number, assignment.is_demo
            ),
            incident_id=scene.incident.id,
            assignment_id=assignment.id,
            unit_path=scene.incident.unit_path,
            ring_s=ring_s,
        )
        try:
            await self._messenger.ring(scene.uow, order)
        except InvalidInput as error:
            await scene.journal.note(
                LogKind.FAILED, f"不能拨打{assignment.name}:{error.message}",
                code="not_ringable", name=assignment.name, cause=error.message,
            )  # fmt: skip
            return assignment
        await scene.journal.note(
            LogKind.RUNG, f"短信无人确认,电话振铃{assignment.name}",
            code="rings", name=assignment.name, assignment_id=assignment.id,
        )  # fmt: skip
        return replace(assignment, rung_at=scene.uow.now, ring_result="")

    async def spare(self, scene: Scene, assignment: Assignment) -> None:
        """The person has answered the text, or it is over: do not ring any more."""
        if assignment.rung_at is not None and not assignment.ring_result:
            await self._messenger.stop_ringing(scene.uow, _key(assignment))

    async def ended(self, scene: Scene, assignment: Assignment, ring: RingEnded) -> None:
        """How a ring-out ended."""
        await scene.journal.change(replace(assignment, ring_result=ring.result[:20]))
        said = RESULTS.get(ring.result, "未拨出")
        await scene.journal.note(
            LogKind.RUNG, f"电话振铃{assignment.name}:{said}",
            code="rung", name=assignment.name, assignment_id=assignment.id, result=ring.result,
        )  # fmt: skip


def _key(assignment: Assignment) -> str:
    return f"ring:{assignment.id}:{assignment.asked}"
