"""Which routes are in force after the directory's source has changed its mind."""

from __future__ import annotations

from rtcsplit.relay.routes import RoutesInForce
from rtcsplit.routing.directory import Cluster, Directory, DirectoryEntry, EntryState
from rtcsplit.routing.hint import Route
from rtcsplit.wire.address import Address

ONE = DirectoryEntry(Route(1, 1), Address.of("10.0.0.1", 5000))
TWO = DirectoryEntry(Route(1, 2), Address.of("10.0.0.2", 5000))


def test_a_vanished_entry_counts_as_draining_until_released():
    routes = RoutesInForce(Directory([ONE, TWO]))
    routes.replace(Directory([TWO]))
    assert routes.entries == (TWO, ONE._replace(state=EntryState.DRAINING))
    assert routes.kept == (ONE.route,)
    routes.replace(Directory())
    assert set(routes.kept) == {ONE.route, TWO.route}
    routes.release([TWO.route, Route(9, 9)])
    assert routes.kept == (ONE.route,)


def test_a_listed_entry_overrules_a_kept_one():
    routes = RoutesInForce(Directory([ONE]))
    routes.replace(Directory())
    moved = ONE._replace(address=Address.of("10.0.0.9", 5000))
    routes.replace(Directory([moved]))
    assert routes.entries == (moved,)


def test_dead_entries_are_not_kept():
    routes = RoutesInForce(Directory([ONE]))
    dead = ONE._replace(state=EntryState.DEAD)
    routes.replace(Directory([dead]))
    assert routes.entries == (dead,)
    routes.replace(Directory())
    assert routes.entries == ()


def test_an_address_given_to_another_transceiver_ends_the_kept_entry():
    routes = RoutesInForce(Directory([ONE]))
    routes.replace(Directory())
    successor = DirectoryEntry(Route(1, 3), ONE.address)
    routes.replace(Directory([successor]))
    assert routes.entries == (successor,)


def test_a_vanished_cluster_stays_until_released_or_overruled():
    relays = (Address.of("10.1.0.1", 4000), Address.of("10.1.0.2", 4000))
    first, second = Cluster(2, relays[:1]), Cluster(3, relays[1:])
    routes = RoutesInForce(Directory([ONE], [first, second]))
    routes.replace(Directory([ONE]))
    assert routes.clusters == (first, second)
    assert routes.kept_clusters == (2, 3)
    routes.release([], [2])
    assert routes.clusters == (second,)
    here = DirectoryEntry(Route(3, 1), TWO.address)
    routes.replace(Directory([here]))
    assert routes.clusters == ()
    assert ONE.route in routes.kept
    routes.replace(Directory(clusters=[Cluster(1, relays)]))
    assert ONE.route not in routes.kept
    routes.replace(Directory([ONE._replace(address=relays[0])]))
    assert routes.clusters == ()
