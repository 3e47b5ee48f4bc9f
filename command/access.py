"""The one way to an incident: whoever may not see it does not learn that it exists."""

from command.incident import Incident
from command.store import incidents
from core.auth.model import Permission, Principal, allows, require
from core.database import UnitOfWork
from core.errors import NotFound
from core.ids import IncidentId


async def access_incident(
    uow: UnitOfWork,
    principal: Principal,
    incident_id: IncidentId,
    permission: Permission = Permission.INCIDENT_READ,
) -> Incident:
    """The incident, if the principal may do this to it; locked where the unit of work writes.

    Raises: NotFound: there is none, or none within the principal's reach; NotAllowed: it may be
    read, but not changed so.
    """
    found = await incidents.find(uow, incident_id, locked=uow.writes)
    if found is None or not allows(principal, Permission.INCIDENT_READ, found.unit_path):
        raise NotFound("no such incident", field="incident_id")
    if permission is not Permission.INCIDENT_READ:
        require(principal, permission, found.unit_path)
    return found
