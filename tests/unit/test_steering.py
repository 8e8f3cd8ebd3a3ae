"""Which ingress a request gets: rules as values and as a file, places from a database, and the answer that follows."""

from __future__ import annotations

import re
import textwrap
from ipaddress import ip_address, ip_network
from pathlib import Path

import httpx
import pytest

from rtcsplit.errors import ConfigurationError
from rtcsplit.gateway.echo import Echo
from rtcsplit.routing.steering import Ingress, Place, RequestContext, Steering, SteeringRule
from rtcsplit.session.negotiation import IceCredentials
from rtcsplit.signaling.location import open_database
from rtcsplit.signaling.whip import WhipSettings, whip_application
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address
from tests.acceptor import MemoryAcceptor
from tests.mmdb import write_database
from tests.offers import OFFER

EUROPE, GERMANY, OFFICE, CDN, ANYWHERE = (
    Ingress((Address.of(f"198.51.100.{number}", 3478),)) for number in range(10, 15)
)
TOKYO = Ingress((), 3, "https://tokyo.example/whip")
TEXT = """
[[ingress]]
networks = ["192.0.2.0/24", "2001:db8::/32"]
advertise = ["198.51.100.12:3478"]

[[ingress]]
headers = { CF-IPCountry = "JP" }
cluster = 3
url = "https://tokyo.example/whip"

[[ingress]]
headers = { x-edge = "cdn", x-tier = "2" }
advertise = ["198.51.100.13:3478"]

[[ingress]]
continents = ["EU"]
countries = ["DE", "AT"]
advertise = ["198.51.100.11:3478"]

[[ingress]]
continents = ["EU"]
advertise = ["198.51.100.10:3478"]
"""
PLACES = {
    ip_network("203.0.113.0/25"): {"country": {"iso_code": "DE"}, "continent": {"code": "EU"}},
    ip_network("203.0.113.128/25"): {"country": {"iso_code": "FR"}, "continent": {"code": "EU"}},
    ip_network("2001:db9::/32"): {"country": {"iso_code": "AT"}, "continent": {"code": "EU"}},
    ip_network("198.18.0.0/16"): {"continent": {"code": "EU"}},
    ip_network("198.19.0.0/16"): {"country": 7, "continent": []},
}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "country.mmdb"
    write_database(path, PLACES)
    return path


@pytest.fixture
def steering(tmp_path: Path, database: Path) -> Steering:
    path = tmp_path / "steering.toml"
    path.write_text(TEXT)
    return Steering.from_file(path, open_database(database))


@pytest.mark.parametrize(
    ("client", "headers", "ingress"),
    [
        ("192.0.2.77", {}, OFFICE),
        ("2001:db8::7", {"cf-ipcountry": "JP"}, OFFICE),  # the first rule that fits
        ("198.51.100.99", {"cf-ipcountry": "JP"}, TOKYO),
        (None, {"cf-ipcountry": "JP"}, TOKYO),
        ("198.51.100.99", {"x-edge": "cdn"}, None),  # all conditions have to hold
        ("198.51.100.99", {"x-edge": "cdn", "x-tier": "2"}, CDN),
        ("203.0.113.5", {}, GERMANY),
        ("2001:db9::5", {}, GERMANY),
        ("203.0.113.200", {}, EUROPE),
        ("198.18.0.1", {}, EUROPE),  # a continent without a country
        ("198.19.0.1", {}, None),  # a database with something else in it
        ("198.51.100.99", {}, None),
        (None, {}, None),
    ],
)
def test_the_first_rule_that_fits_counts(steering, client, headers, ingress):
    assert steering.steer(RequestContext(ip_address(client) if client else None, headers)) == ingress


def test_a_rule_without_conditions_always_fits():
    steering = Steering([SteeringRule(ANYWHERE)])
    assert steering.steer(RequestContext(None, {})) == ANYWHERE
    assert Steering().steer(RequestContext(None, {})) is None


def test_a_place_is_asked_for_only_where_a_rule_needs_it():
    asked = []

    def locate(address):
        asked.append(address)
        return Place("DE", "EU")

    context = RequestContext(ip_address("203.0.113.5"), {})
    assert Steering([SteeringRule(ANYWHERE)], locate).steer(context) == ANYWHERE
    assert asked == []
    assert Steering([SteeringRule(EUROPE, continents=("EU",))], locate).steer(context) == EUROPE
    assert asked == [context.client]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("x = 1", "x"),
        ("ingress = 1", "ingress"),
        ("ingress = [1]", "ingress[0]"),
        ("[[ingress]]\nplace = 1", "ingress[0].place"),
        ("[[ingress]]", "ingress[0].advertise"),
        ('[[ingress]]\nadvertise = ["198.51.100.1:1"]\nurl = "https://a.example/"', "ingress[0].advertise"),
        ('[[ingress]]\nadvertise = ["198.51.100.1"]', "ingress[0].advertise"),
        ('[[ingress]]\nadvertise = ["0.0.0.0:3478"]', "ingress[0].advertise"),
        ('[[ingress]]\nadvertise = "198.51.100.1:1"', "ingress[0].advertise"),
        ('[[ingress]]\nurl = "ftp://a.example/"', "ingress[0].url"),
        ('[[ingress]]\nurl = "https://a.example/\\n"', "ingress[0].url"),
        ('[[ingress]]\nurl = "https://a.example/"\ncluster = 65536', "ingress[0].cluster"),
        ('[[ingress]]\nurl = "https://a.example/"\nnetworks = ["10.0.0.1/8"]', "ingress[0].networks"),
        ('[[ingress]]\nurl = "https://a.example/"\ncountries = ["de"]', "ingress[0].countries"),
        ('[[ingress]]\nurl = "https://a.example/"\ncontinents = [1]', "ingress[0].continents"),
        ('[[ingress]]\nurl = "https://a.example/"\ncontinents = ["EU"]', "ingress[0]"),  # without a database
        ('[[ingress]]\nurl = "https://a.example/"\nheaders = { a = 1 }', "ingress[0].headers"),
        ("[[ingress", "steering"),
    ],
)
def test_unusable_files_name_the_key(tmp_path, text, key):
    path = tmp_path / "steering.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        Steering.from_file(path)
    assert raised.value.key == key


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_a_database_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "country.mmdb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as raised:
        open_database(path, setting="signaling.steering_database")
    assert raised.value.key == "signaling.steering_database"


def client_of(application, host: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application, client=(host, 40000))
    headers = {"Content-Type": "application/sdp"}
    return httpx.AsyncClient(transport=transport, base_url="http://calls.test", headers=headers)


async def test_the_answer_names_the_ingress_of_the_client(steering):
    settings = TransceiverSettings(listen=Address.of("127.0.0.1", 0))
    async with Transceiver(settings, application=Echo()) as transceiver:
        application = whip_application(transceiver, WhipSettings(allow_anonymous=True, steering=steering))
        own = f"127.0.0.1 {transceiver.address.port} typ host"
        for host, candidate in [("192.0.2.1", "198.51.100.12 3478 typ host"), ("198.51.100.99", own)]:
            async with client_of(application, host) as http:
                reply = await http.post("/whip", content=OFFER)
            assert reply.status_code == 201
            assert reply.text.count("a=candidate:") == 1
            assert candidate in reply.text
        steered = transceiver.calls()[0]
        restarted = await transceiver.restart(steered.call_id, IceCredentials("abcd", "p" * 22))
        assert restarted.candidates == OFFICE.advertise  # after a restart too


async def test_a_client_of_another_cluster_is_sent_there():
    """Row I12, RFC 9725 section 4.5; without a token it is told nothing."""
    acceptor = MemoryAcceptor()
    steering = Steering([SteeringRule(TOKYO)])
    application = whip_application(acceptor, WhipSettings(tokens=("alice",), steering=steering))
    async with client_of(application, "192.0.2.1") as http:
        assert (await http.post("/whip", content=OFFER)).status_code == 401
        forged = {"Authorization": "Bearer alice", "Host": "evil.example", "X-Forwarded-Host": "evil.example"}
        reply = await http.post("/whip", content=OFFER, headers=forged)
    assert (reply.status_code, reply.headers["location"]) == (307, TOKYO.url)
    assert acceptor.offers == []


@pytest.mark.parametrize(
    ("peer", "forwarded", "candidate"),
    [
        ("192.0.2.1", "", "198.51.100.12"),
        ("::ffff:192.0.2.1", "", "198.51.100.12"),
        ("203.0.113.1", "192.0.2.1", "127"),  # nobody trusts it
        ("10.0.0.1", "192.0.2.1", "198.51.100.12"),
        ("10.0.0.1", "203.0.113.9, 192.0.2.1, 10.0.0.2", "198.51.100.12"),
        ("10.0.0.1", "192.0.2.1, 203.0.113.9", "127"),  # whatever is before the last client is the client's own
        ("10.0.0.1", "192.0.2.1, rubbish", "127"),
        ("rubbish", "192.0.2.1", "127"),
    ],
)
async def test_forwarded_addresses_are_believed_from_trusted_proxies_alone(peer, forwarded, candidate):
    steering = Steering([SteeringRule(OFFICE, networks=(ip_network("192.0.2.0/24"),))])
    settings = WhipSettings(allow_anonymous=True, steering=steering, trusted_proxies=(ip_network("10.0.0.0/8"),))
    async with client_of(whip_application(MemoryAcceptor(), settings), peer) as http:
        reply = await http.post("/whip", content=OFFER, headers={"X-Forwarded-For": forwarded})
    assert reply.status_code == 201
    assert ("198.51.100.12 " in reply.text) == (candidate == "198.51.100.12")


def test_rules_and_code_of_the_guide_work(tmp_path):
    page = (Path(__file__).parents[2] / "docs/how-to/steer-clients.md").read_text()
    rules = re.search(r"```toml\n(   # steering.toml\n.*?)```", page, re.DOTALL)
    (tmp_path / "steering.toml").write_text(textwrap.dedent(rules[1]))
    steering = Steering.from_file(tmp_path / "steering.toml", lambda address: Place("DE", "EU"))
    assert steering.steer(RequestContext(ip_address("198.51.100.1"), {})).advertise[0].host == "198.51.100.10"
    for code in re.findall(r"^```python\n(.*?)```", page, re.DOTALL | re.MULTILINE):
        exec(code, {})
