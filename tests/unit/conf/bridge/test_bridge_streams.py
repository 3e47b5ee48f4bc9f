"""A member that counts its SSRC up leaves no state behind."""

from conf.media.streams import MAX_REPORTERS, StreamLimit


def test_stray_media_are_forgotten_but_not_who_reports() -> None:
    forgotten: list[int] = []
    limit = StreamLimit(forgotten.append)
    limit.on_report(7, is_source=False)
    limit.on_stray_media(7)
    limit.on_stray_media(8)
    assert forgotten == [8]


def test_so_many_may_report_and_sources_always() -> None:
    forgotten: list[int] = []
    limit = StreamLimit(forgotten.append)
    for ssrc in range(MAX_REPORTERS + 2):
        limit.on_report(ssrc, is_source=False)
    limit.on_report(0, is_source=False)
    limit.on_report(5000, is_source=True)
    assert forgotten == [MAX_REPORTERS, MAX_REPORTERS + 1]
