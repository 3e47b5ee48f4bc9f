"""The demo county's map files: what signaling.routes.map serves."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from signaling.demo.shapes import County, Position
from signaling.routes.map import BOUNDARIES_FILE, PLACES_FILE


async def write_map_files(folder: Path, county: County) -> None:
    """Write both GeoJSON files, each whole or not at all; an installation's own are replaced."""
    for name, features in (
        (BOUNDARIES_FILE, _boundaries(county)),
        (PLACES_FILE, _places(county)),
    ):
        content = {"type": "FeatureCollection", "features": list(features)}
        await asyncio.to_thread(_write, folder / name, json.dumps(content, ensure_ascii=False))


def _write(file: Path, text: str) -> None:
    partial = file.with_suffix(".partial")
    partial.write_text(text, "utf-8")
    partial.replace(file)


def _feature(geometry: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _point(position: Position) -> dict[str, Any]:
    return {"type": "Point", "coordinates": list(position)}


def _boundaries(county: County) -> Iterable[dict[str, Any]]:
    for one in county.boundaries:
        geometry = {"type": "Polygon", "coordinates": [[list(point) for point in one.ring]]}
        kind = "county" if one is county.boundaries[0] else "township"
        yield _feature(geometry, unit_id=one.unit_id, name=one.name, kind=kind)


def _places(county: County) -> Iterable[dict[str, Any]]:
    for store in county.stores:
        yield _feature(
            _point(store.position),
            kind="store",
            id=store.id,
            name=store.name,
            unit_id=store.unit_id,
            person_id=store.keeper_id,
            stock=[{"name": s.name, "quantity": s.quantity, "unit": s.unit} for s in store.stock],
        )
    for team in county.teams:
        yield _feature(
            _point(team.position),
            kind="team",
            id=team.id,
            name=team.name,
            unit_id=team.unit_id,
            person_id=team.leader_id,
            speciality=team.kind,
            members=team.members,
            muster_min=team.muster_min,
            equipment=list(team.equipment),
        )
    for shelter in county.shelters:
        yield _feature(
            _point(shelter.position),
            kind="shelter",
            id=shelter.id,
            name=shelter.name,
            unit_id=shelter.unit_id,
            person_id=shelter.keeper_id,
            capacity=shelter.capacity,
        )
