"""Only public addresses may be called, however they are written, and what a setting allows."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kfadapter.events.addresses import Addresses, ForbiddenAddress

RULES = Addresses()
PRIVATE = [
    IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16")
]

private = st.sampled_from(PRIVATE).flatmap(lambda network: st.ip_addresses(network=network))


@given(private)
def test_a_private_address_is_refused_in_every_disguise(address: IPv4Address) -> None:
    number = int(address)
    disguises: list[IPv4Address | IPv6Address] = [
        address,
        IPv6Address(0xFFFF << 32 | number),  # IPv4-mapped
        IPv6Address(number),  # IPv4-compatible
        IPv6Address(0x2002 << 112 | number << 80),  # 6to4
        IPv6Address(0x64FF9B << 96 | number),  # NAT64
    ]
    assert not any(RULES.allows(one) for one in disguises)
    with pytest.raises(ForbiddenAddress):
        RULES.open_socket((2, 1, 6, "", (str(address), 80)))


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_a_public_address_is_allowed(text: str) -> None:
    assert RULES.allows(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        *("0.0.0.0", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fc00::1", "fe80::1", "fec0::1", "ff02::1", "2001:db8::1", "64:ff9b:1::1", "100::1"),
    ],
)
def test_an_address_with_a_special_use_is_refused(text: str) -> None:
    assert not RULES.allows(ip_address(text))


@given(private)
def test_a_setting_allows_a_network_and_no_more(address: IPv4Address) -> None:
    rules = Addresses.of((), ["10.0.0.0/8"])
    assert rules.allows(address) == (address in PRIVATE[0])
