"""A running response, made as the page makes it."""

from datetime import UTC, datetime
from typing import Any

from tests.support.county import DemoCounty, desk


async def running_leak(county: DemoCounty) -> str:
    """An activated leak of level III. Returns: the incident's id."""
    async with desk(county, "duty") as duty:
        hazards = (await duty.get("/hazards"))["items"]
        works = next(hazard for hazard in hazards if "自来水厂" in hazard["name"])
        report: dict[str, Any] = {
            "key": "e2e-phone", "title": "自来水厂氯气泄漏", "kind_code": "92Z05",
            "unit_id": works["unit_id"], "place": works["name"], "hazard_id": works["id"],
            "occurred_at": datetime.now(UTC).isoformat(), "source": "phone",
        }  # fmt: skip
        incident = await duty.post("/incidents", report)
        board = await duty.get(f"/incidents/{incident['id']}")
        order = {"plan_id": board["proposals"][0]["plan_id"], "level": 3, "key": "e2e-phone-1"}
        await duty.post(f"/incidents/{incident['id']}/activate", order)
        return str(incident["id"])
