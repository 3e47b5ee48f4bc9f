"""Fictional names of places and people, drawn without repeats from a fixed seed."""

from collections.abc import Iterator
from random import Random

COUNTY = "青澜县"
TOWNSHIPS = (
    "澜城街道", "烽台镇", "雁回镇", "鹿鸣溪镇", "星渡镇", "望舒镇", "听松镇", "白芷镇", "竹枝镇",
    "枕流镇", "漱石镇", "桐花岭镇", "流霞镇", "晴岚镇", "苍耳镇", "落霞坪乡", "松烟乡", "半夏乡",
    "拾翠乡", "藏云乡",
)  # fmt: skip
_PLANTS = "杏桃柳桐槐榆枣梅荷竹兰菊松柏杉枫桂菱茶麻稻禾苇蓼"
_LANDS = "湾岭坡沟塘坝桥渡冲坪畈垄垭坞浦畔洼岗峪滩"
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏"
    "薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易"
)
_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红波辉力宁彬婷慧莹洁梅琳素云莲真环雪荣爱妹"
    "香月莺媛瑞凡佳嘉琼勤珍贞莉锦黛青倩妍茜秋珊莎君文清志远建国海山峰松柏学林东来成业庆安康泰维新"
)


def villages() -> Iterator[str]:
    """Village names in a fixed order, each once: 杏湾村, 柳坝村 …"""
    stems = [plant + land for land in _LANDS for plant in _PLANTS]
    Random(18218).shuffle(stems)
    return (stem + "村" for stem in stems)


def people(random: Random) -> Iterator[str]:
    """Names of people, each once."""
    used: set[str] = set()
    while True:
        given = "".join(random.choice(_GIVEN) for _ in range(random.choice((1, 2, 2, 2))))
        name = random.choice(_SURNAMES) + given
        if name not in used and len(set(given)) == len(given):
            used.add(name)
            yield name
