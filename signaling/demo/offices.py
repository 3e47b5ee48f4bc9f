"""Departments, their stations and the companies of the demo county, as tables."""

from dataclasses import dataclass

from directory.model import UnitKind


@dataclass(frozen=True)
class Office:
    """A unit below the county (or `parent`). `id` is also its code; plans name units by it."""

    id: str
    name: str
    head: str
    parent: str = "county"
    kind: UnitKind = UnitKind.DEPARTMENT
    staff: int = 1
    """People besides head, emergency lead and the duty desk."""


_STATION, _COMPANY = UnitKind.STATION, UnitKind.COMPANY

DEPARTMENTS = (
    Office("office", "县政府办公室(县委县政府总值班室)", "主任", staff=2),
    Office("emergency", "应急管理局", "局长", staff=4),
    Office("fire", "消防救援大队", "大队长", staff=2),
    Office("health", "卫生健康局", "局长", staff=2),
    Office("police", "公安局", "局长", staff=2),
    Office("traffic_police", "公安局交通警察大队", "大队长"),
    Office("environment", "生态环境分局", "局长", staff=2),
    Office("water", "水利局", "局长", staff=2),
    Office("forestry", "林业局", "局长", staff=2),
    Office("weather", "气象局", "局长", staff=2),
    Office("publicity", "县委宣传部", "部长"),
    Office("resources", "自然资源局", "局长", staff=2),
    Office("housing", "住房和城乡建设局", "局长"),
    Office("transport", "交通运输局", "局长"),
    Office("civil", "民政局", "局长"),
    Office("education", "教育局", "局长"),
    Office("agriculture", "农业农村局", "局长"),
    Office("industry", "工业和信息化局", "局长"),
    Office("market", "市场监督管理局", "局长"),
    Office("finance", "财政局", "局长"),
    Office("supplies", "粮食和物资储备中心", "主任"),
    Office("armed_forces", "人民武装部", "部长"),
)
STATIONS = (
    Office("media", "县融媒体中心", "主任", "publicity", _STATION),
    Office("fire_1", "城区消防救援站", "站长", "fire", _STATION),
    Office("fire_2", "烽台消防救援站", "站长", "fire", _STATION),
    Office("fire_3", "化工园区专职消防站", "站长", "fire", _STATION),
    Office("hospital_1", "县人民医院", "院长", "health", _STATION, 2),
    Office("hospital_2", "县中医院", "院长", "health", _STATION),
    Office("ambulance", "县急救中心", "主任", "health", _STATION),
    Office("cdc", "县疾病预防控制中心", "主任", "health", _STATION),
    Office("monitoring", "县环境监测站", "站长", "environment", _STATION),
    Office("hydrology", "县水文站", "站长", "water", _STATION),
    Office("forest_team", "县森林防火扑救队", "队长", "forestry", _STATION),
)
COMPANIES = (
    Office("waterworks", "青澜县第一自来水厂", "厂长", "t02", _COMPANY),
    Office("waterworks_2", "青澜县第二自来水厂", "厂长", "t05", _COMPANY),
    Office("power", "青澜供电公司", "经理", "county", _COMPANY),
    Office("telecom", "青澜通信公司", "经理", "county", _COMPANY),
    Office("gas", "澜泉燃气公司", "经理", "t01", _COMPANY),
    Office("lanhua", "澜华化工公司", "总经理", "t03", _COMPANY),
    Office("cold_store", "星渡冷链公司", "总经理", "t05", _COMPANY),
    Office("fertiliser", "雁回肥业公司", "总经理", "t03", _COMPANY),
    Office("oil_depot", "晴岚油库", "主任", "t14", _COMPANY),
    Office("brewery", "枕流酒业公司", "总经理", "t10", _COMPANY),
    Office("paper", "竹枝纸业公司", "总经理", "t09", _COMPANY),
    Office("steel_gas", "漱石气体公司", "总经理", "t11", _COMPANY),
    Office("paint", "望舒涂料公司", "总经理", "t06", _COMPANY),
    Office("fireworks", "流霞花炮公司", "总经理", "t13", _COMPANY),
    Office("quarry", "桐花岭矿业公司", "矿长", "t12", _COMPANY),
)
