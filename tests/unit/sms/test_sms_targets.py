"""Where a webhook may point: the ways to the inside that people have found."""

import pytest

from core.errors import InvalidInput
from sms.targets import check_url, is_allowed, networks


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1",
        "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::",
        "64:ff9b::7f00:1", "ff02::1", "nonsense", "",
    ],
)  # fmt: skip
def test_addresses_inside_are_refused(address: str) -> None:
    assert not is_allowed(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_allowed(address)


def test_an_operator_may_allow_a_network_inside() -> None:
    also = networks(["10.20.0.0/16"])
    assert is_allowed("10.20.3.4", also)
    assert is_allowed("::ffff:10.20.3.4", also)
    assert not is_allowed("10.21.0.1", also)


@pytest.mark.parametrize(
    "url",
    ["ftp://a.cn/x", "http:///x", "http://user:pw@a.cn/", "http://127.0.0.1/", "http://[::1]/",
     "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://169.254.169.254/latest",
     "http://a.cn:99999/", "http://a.cn/#x", "javascript:alert(1)", "http://10.0.0.1.",
     "http://127.0.0.²/", "http://127。0。0。1/", "http://①.1.1.1/"],
)  # fmt: skip
def test_bad_urls_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        check_url(url)


def test_a_plain_url_is_fine() -> None:
    check_url("https://hooks.county.gov.cn:8443/sms?x=1")
