"""The tables of all areas: every module here that has ROUTES, EVENTS or `register_topics`."""

import importlib
import pkgutil
from types import ModuleType

from signaling.edge import SocketEvent
from signaling.http import Route


def modules() -> list[ModuleType]:
    """The area modules, by name."""
    return [
        importlib.import_module(f"{__name__}.{found.name}")
        for found in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name)
    ]


def all_routes() -> list[Route]:
    """Every HTTP route of every area.

    Raises: ValueError: two routes with one method and path.
    """
    routes = [route for module in modules() for route in getattr(module, "ROUTES", ())]
    names = [route.name for route in routes]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"routes defined twice: {sorted(doubled)}")
    return routes


def all_events() -> list[SocketEvent]:
    """Every Socket.IO event of every area.

    Raises: ValueError: two events with one name.
    """
    events = [event for module in modules() for event in getattr(module, "EVENTS", ())]
    names = [event.name for event in events]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"events defined twice: {sorted(doubled)}")
    return events
