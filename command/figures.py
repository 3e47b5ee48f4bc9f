"""The figures of an incident: which there are, their units and ranges (pure)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import InvalidInput


@dataclass(frozen=True)
class Metric:
    """One figure. `is_whole`: people are counted, not measured.

    `denial`: set for a yes (1) or no (0), and what no means.
    """

    key: str
    name: str
    unit: str
    is_whole: bool
    at_least: float
    at_most: float
    denial: str = ""

    def say(self, value: float) -> str:
        """`死亡2人`, `大量泄漏`."""
        if self.denial:
            return self.name if value else self.denial
        return f"{self.name}{value:g}{self.unit}"


_PEOPLE = 10_000_000

METRICS: dict[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("deaths", "死亡", "人", True, 0, _PEOPLE),
        Metric("missing", "失踪", "人", True, 0, _PEOPLE),
        Metric("serious_injuries", "重伤(含急性中毒)", "人", True, 0, _PEOPLE),
        Metric("minor_injuries", "轻伤", "人", True, 0, _PEOPLE),
        Metric("poisoned_or_serious_injuries", "中毒或重伤", "人", True, 0, _PEOPLE),
        Metric("trapped", "被困", "人", True, 0, _PEOPLE),
        Metric("people_to_relocate", "需转移", "人", True, 0, _PEOPLE),
        Metric("evacuated", "已疏散转移", "人", True, 0, _PEOPLE),
        Metric("participants", "参与", "人", True, 0, _PEOPLE),
        Metric("direct_loss", "直接经济损失", "万元", False, 0, 1e8),
        Metric("potential_loss", "潜在经济损失", "万元", False, 0, 1e8),
        Metric("burned_forest_area", "受害森林面积", "公顷", False, 0, 1e6),
        Metric("open_fire_hours", "明火持续", "小时", False, 0, 2000),
        Metric("magnitude_populated_area", "人口密集区震级", "级", False, 0, 10),
        Metric("leak_is_small", "少量泄漏", "", True, 0, 1, "大量泄漏(超过208升)"),
        Metric("rain_12h_mm", "12小时雨量", "毫米", False, 0, 2000),
        Metric("rain_6h_mm", "6小时雨量", "毫米", False, 0, 2000),
        Metric("rain_3h_mm", "3小时雨量", "毫米", False, 0, 2000),
        Metric("stage_above_warning_m", "水位超警戒", "米", False, -100, 100),
        Metric("stage_above_guarantee_m", "水位超保证", "米", False, -100, 100),
        Metric("stage_above_record_m", "水位超历史最高", "米", False, -100, 100),
        Metric("dam_is_breaking", "堤坝溃决或可能溃决", "", True, 0, 1, "堤坝未见溃决迹象"),
    )
}


def checked(figures: Mapping[str, float]) -> dict[str, float]:
    """`figures` as they are stored.

    Raises: InvalidInput: an unknown figure, out of range, or a fraction of a person.
    """
    for key, value in figures.items():
        metric = METRICS.get(key)
        field = f"figures.{key}"
        if metric is None:
            raise InvalidInput("no such figure", field=field)
        if isinstance(value, bool) or not math.isfinite(value):
            raise InvalidInput("must be a number", field=field)
        if not metric.at_least <= value <= metric.at_most:
            raise InvalidInput(f"from {metric.at_least:g} to {metric.at_most:g}", field=field)
        if metric.is_whole and value != int(value):
            raise InvalidInput("must be a whole number", field=field)
    return dict(figures)


def derived(figures: Mapping[str, float]) -> dict[str, float]:
    """`figures`, with those that follow from others: 中毒或重伤 is at least 重伤."""
    known = dict(figures)
    if "poisoned_or_serious_injuries" not in known and "serious_injuries" in known:
        known["poisoned_or_serious_injuries"] = known["serious_injuries"]
    return known


def say(figures: Mapping[str, float]) -> str:
    """`死亡2人、重伤(含急性中毒)9人`; empty where nothing is known."""
    return "、".join(METRICS[key].say(value) for key, value in figures.items())
