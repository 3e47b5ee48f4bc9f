"""What the map draws besides the directory: outlines of units, and stores, teams, shelters.

Both are GeoJSON files (RFC 7946) in data.dir: the demo writes its own, an installation puts there
what its survey office gives. A missing file is an empty map.
"""

import asyncio
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from core.auth.model import Permission
from core.errors import Unavailable
from signaling.api import ApiModel
from signaling.http import Request, Route

BOUNDARIES_FILE = "boundaries.geojson"
PLACES_FILE = "places.geojson"
_LARGEST = 20 << 20


class FeatureCollection(ApiModel):
    """RFC 7946 §3.3; `properties.unit_id` joins a feature to the directory."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[dict[str, Any]] = Field(default_factory=list)


def _read(file: Path) -> FeatureCollection:
    if not file.exists():
        return FeatureCollection()
    if file.stat().st_size > _LARGEST:
        raise Unavailable(f"{file.name} is larger than {_LARGEST >> 20} MiB")
    try:
        return FeatureCollection(features=json.loads(file.read_text("utf-8"))["features"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"{file.name} is no GeoJSON feature collection") from error


async def read_boundaries(request: Request[None, None]) -> FeatureCollection:
    """The outlines of the county and its townships."""
    return await asyncio.to_thread(_read, request.app.settings.data.dir / BOUNDARIES_FILE)


async def read_places(request: Request[None, None]) -> FeatureCollection:
    """Stores, teams and shelters; `properties.kind` says which."""
    return await asyncio.to_thread(_read, request.app.settings.data.dir / PLACES_FILE)


ROUTES = [
    Route("GET", "/api/v1/map/boundaries", read_boundaries, Permission.DIRECTORY_READ,
          response=FeatureCollection, summary="Outlines of county and townships (GeoJSON)"),
    Route("GET", "/api/v1/map/places", read_places, Permission.DIRECTORY_READ,
          response=FeatureCollection, summary="Stores, teams and shelters (GeoJSON)"),
]  # fmt: skip
