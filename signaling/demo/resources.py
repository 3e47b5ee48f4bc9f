"""Hazard sources, stores, teams and shelters of the demo county."""

from collections.abc import Sequence
from random import Random

from directory.model import Post, UnitKind
from signaling.demo.geography import Land, near
from signaling.demo.shapes import (
    AppointmentSeed,
    HazardSeed,
    Position,
    ShelterSeed,
    StockSeed,
    StoreSeed,
    SubstanceSeed,
    TeamSeed,
    UnitSeed,
)

_CHEMICAL: tuple[tuple[str, str, str, tuple[tuple[str, float], ...], int], ...] = (
    # kind, name, unit, substances (t), people within 500 m
    ("major_hazard", "第一自来水厂加氯间", "waterworks", (("氯", 6.0),), 86),
    ("major_hazard", "第二自来水厂加氯间", "waterworks_2", (("氯", 5.0),), 41),
    ("major_hazard", "澜华化工液氨罐区", "lanhua", (("氨", 42.0),), 120),
    ("major_hazard", "澜华化工氯乙烯球罐", "lanhua", (("氯乙烯", 160.0),), 120),
    ("major_hazard", "澜华化工甲醇罐区", "lanhua", (("甲醇", 760.0), ("甲苯", 220.0)), 120),
    ("major_hazard", "星渡冷链制冷机房", "cold_store", (("氨", 14.0),), 64),
    ("major_hazard", "雁回肥业合成氨库", "fertiliser", (("氨", 88.0),), 33),
    ("major_hazard", "雁回肥业硝酸铵库", "fertiliser", (("硝酸铵(含可燃物≤0.2%)", 120.0),), 33),
    ("major_hazard", "晴岚油库汽油罐组", "oil_depot", (("汽油(乙醇汽油、甲醇汽油)", 2600.0),), 12),
    ("major_hazard", "枕流酒业酒精罐区", "brewery", (("乙醇", 640.0),), 57),
    ("major_hazard", "竹枝纸业液氯库", "paper", (("氯", 8.0),), 75),
    ("major_hazard", "漱石气体液氧储罐", "steel_gas", (("氧(压缩的或液化的)", 260.0),), 9),
    ("major_hazard", "漱石气体乙炔站", "steel_gas", (("乙炔", 1.6),), 9),
    ("major_hazard", "望舒涂料溶剂库", "paint", (("甲苯", 510.0), ("乙酸乙酯", 180.0)), 48),
    (
        "gas_facility",
        "澜泉燃气液化石油气储配站",
        "gas",
        (("液化石油气(含丙烷、丁烷及其混合物)", 96.0),),
        140,
    ),
    ("gas_facility", "澜泉燃气天然气门站", "gas", (("甲烷,天然气", 18.0),), 30),
    ("fireworks", "流霞花炮成品库", "fireworks", (), 6),
    ("mine", "桐花岭采石场", "quarry", (), 15),
    ("tailings_pond", "桐花岭尾矿库", "quarry", (), 52),
)
_RESERVOIRS = ("望舒水库", "听松水库", "白芷水库", "拾翠水库", "藏云水库", "半夏水库")
_SLOPES = ("后山滑坡", "北坡崩塌", "石门沟泥石流", "南垭滑坡", "青冈崩塌", "鹰嘴滑坡", "柴沟泥石流")
_FORESTS = ("听松林场", "松烟林区", "桐花岭林区", "藏云林区")
_GAUGES = ("澜水烽台站", "澜水雁回站")
_CROWDED = ("青澜县第一中学", "澜城商业广场")

_STOCK = (
    ("冲锋舟", 4, "艘"), ("救生衣", 260, "件"), ("编织袋", 9000, "条"), ("帐篷", 120, "顶"),
    ("棉被", 600, "床"), ("正压式空气呼吸器", 18, "套"), ("重型防化服", 12, "套"),
    ("水泵", 10, "台"),
    ("发电机", 6, "台"), ("风力灭火机", 40, "台"), ("氢氧化钠(中和用)", 5, "吨"),
    ("方便食品", 3000, "份"),
)  # fmt: skip


def hazards(random: Random, land: Land, units: Sequence[UnitSeed]) -> tuple[HazardSeed, ...]:
    """Forty hazard sources; the first is the water works of the demonstration."""
    by_id = {unit.id: unit for unit in units}
    found: list[HazardSeed] = []

    def add(
        kind: str,
        name: str,
        unit_id: str,
        township_id: str,
        position: Position,
        figures: tuple[tuple[str, float], ...] = (),
        substances: tuple[SubstanceSeed, ...] = (),
        exposed: int = 0,
    ) -> None:
        id_ = f"hz{len(found) + 1:02d}"
        found.append(
            HazardSeed(
                id_, kind, name, unit_id, township_id, position, substances, exposed, figures
            )
        )

    for kind, name, unit_id, held, exposed in _CHEMICAL:
        unit = by_id[unit_id]
        spot = near(unit.position, random.uniform(-0.2, 0.2), random.uniform(-0.2, 0.2))
        substances = tuple(SubstanceSeed(what, tons) for what, tons in held)
        add(kind, name, unit_id, str(unit.parent_id), spot, (), substances, exposed)

    def scatter(kind: str, titles: Sequence[str], unit_id: str, first_cell: int) -> None:
        for index, title in enumerate(titles):
            cell = _cell_named_like(title, units, first_cell + index)
            spot = land.spot_in(cell, random)
            add(kind, title, unit_id, f"t{cell + 1:02d}", spot, _figures(kind, random))

    scatter("reservoir", _RESERVOIRS, "water", 6)
    scatter("geohazard_point", _SLOPES, "resources", 12)
    scatter("forest_area", _FORESTS, "forestry", 9)
    scatter("river_gauge", _GAUGES, "hydrology", 1)
    scatter("crowded_place", _CROWDED, "education", 0)
    return tuple(found)


def _cell_named_like(title: str, units: Sequence[UnitSeed], otherwise: int) -> int:
    """Index of the township whose name begins as the title does, so that both fit."""
    townships = [unit for unit in units if unit.kind is UnitKind.TOWNSHIP]
    for index, township in enumerate(townships):
        if township.name[:2] in title:
            return index
    return otherwise % len(townships)


def _figures(kind: str, random: Random) -> tuple[tuple[str, float], ...]:
    if kind == "reservoir":
        limit = round(random.uniform(80, 210), 1)
        return (
            ("capacity_m3", float(random.randrange(120_000, 9_000_000, 10_000))),
            ("dam_height_m", float(random.randrange(16, 42))),
            ("flood_limit_level_m", limit),
            ("check_flood_level_m", round(limit + random.uniform(2, 5), 1)),
        )
    if kind == "geohazard_point":
        households = random.randrange(4, 40)
        return (
            ("threatened_households", float(households)),
            ("threatened_people", float(households * 3)),
            ("rain_threshold_24h_mm", float(random.choice((80, 100, 120)))),
        )
    if kind == "forest_area":
        return (("area_ha", float(random.randrange(400, 5200, 100))),)
    if kind == "river_gauge":
        warning = round(random.uniform(40, 60), 1)
        return (("warning_level_m", warning), ("guarantee_level_m", warning + 1.5))
    return (("people", float(random.randrange(600, 3200, 100))),)


def _first_holder(held: Sequence[AppointmentSeed], unit_id: str, post: str) -> str:
    return next(one.person_ids[0] for one in held if (one.unit_id, one.post) == (unit_id, post))


def stores(
    random: Random, units: Sequence[UnitSeed], held: Sequence[AppointmentSeed]
) -> tuple[StoreSeed, ...]:
    """The county's store and one in each of seven townships."""
    places = ["supplies", "fire_3", *(f"t{n:02d}" for n in (2, 4, 7, 10, 13, 16, 20))]
    by_id = {unit.id: unit for unit in units}
    found = []
    for number, unit_id in enumerate(places, start=1):
        unit = by_id[unit_id]
        share = 1.0 if number == 1 else random.uniform(0.1, 0.3)
        goods = _STOCK if number <= 2 else random.sample(_STOCK, 7)
        stock = tuple(StockSeed(name, max(1, int(n * share)), what) for name, n, what in goods)
        post = Post.EMERGENCY_OFFICE if unit.kind is UnitKind.TOWNSHIP else Post.HEAD
        name = f"{unit.name}应急物资库" if number > 1 else "县应急物资储备库"
        spot = near(unit.position, random.uniform(-0.8, 0.8), random.uniform(-0.8, 0.8))
        keeper = _first_holder(held, unit_id, post)
        found.append(StoreSeed(f"st{number:02d}", name, unit_id, spot, keeper, stock))
    return tuple(found)


_TEAMS = (
    ("综合性消防救援队(城区)", "消防", "fire_1", 36, 1, ("泡沫消防车", "云梯车", "空气呼吸器")),
    ("综合性消防救援队(烽台)", "消防", "fire_2", 22, 1, ("水罐消防车", "重型防化服", "空气呼吸器")),
    ("化工园区专职消防队", "危化", "fire_3", 18, 2, ("化学洗消车", "重型防化服", "堵漏工具")),
    ("县急救中心急救队", "医疗", "ambulance", 24, 3, ("负压救护车", "洗消帐篷")),
    ("县人民医院医疗队", "医疗", "hospital_1", 20, 10, ("急救药品", "呼吸机")),
    ("环境应急监测队", "监测", "monitoring", 8, 15, ("便携式气体检测仪", "采样设备")),
    ("森林防火扑救队", "森林防火", "forest_team", 40, 10, ("风力灭火机", "高压水泵")),
    ("水利抢险队", "防汛", "water", 30, 20, ("冲锋舟", "排涝泵车")),
    ("电力抢修队", "保障", "power", 16, 15, ("应急发电车",)),
    ("通信保障队", "保障", "telecom", 10, 20, ("卫星电话", "应急通信车")),
    ("澜华化工应急队", "危化", "lanhua", 12, 5, ("堵漏工具", "空气呼吸器")),
    ("民兵应急连", "综合", "armed_forces", 60, 30, ("铁锹", "编织袋")),
)


def teams(
    random: Random, units: Sequence[UnitSeed], held: Sequence[AppointmentSeed]
) -> tuple[TeamSeed, ...]:
    """Professional teams, and a township team in each township."""
    by_id = {unit.id: unit for unit in units}
    townships = [unit for unit in units if unit.kind is UnitKind.TOWNSHIP]
    rows = [
        *_TEAMS,
        *(
            (
                f"{unit.name}应急分队",
                "综合",
                unit.id,
                random.randrange(12, 26),
                15,
                ("手台", "编织袋"),
            )
            for unit in townships
        ),
    ]
    return tuple(
        TeamSeed(
            f"tm{number:02d}",
            name,
            kind,
            unit_id,
            by_id[unit_id].position,
            _first_holder(held, unit_id, Post.HEAD),
            members,
            muster_min,
            equipment,
        )
        for number, (name, kind, unit_id, members, muster_min, equipment) in enumerate(rows, 1)
    )


def shelters(
    random: Random, units: Sequence[UnitSeed], held: Sequence[AppointmentSeed]
) -> tuple[ShelterSeed, ...]:
    """A school or square in each township; three around the water works' township."""
    townships = [unit for unit in units if unit.kind is UnitKind.TOWNSHIP]
    found: list[ShelterSeed] = []
    for unit in townships:
        endings = ("中心小学", "文化广场", "中学") if unit.id == "t02" else ("中心小学",)
        for ending in endings:
            spot = near(unit.position, random.uniform(-2, 2), random.uniform(-2, 2))
            keeper = _first_holder(held, unit.id, Post.EMERGENCY_OFFICE)
            found.append(
                ShelterSeed(
                    f"sh{len(found) + 1:02d}",
                    f"{unit.name}{ending}避难点",
                    unit.id,
                    spot,
                    random.randrange(300, 1800, 50),
                    keeper,
                )
            )
    return tuple(found)
