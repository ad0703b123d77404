"""Opening a remote API by a backend's options: address, key, limits and cassette come together here."""

from __future__ import annotations

from collections.abc import Mapping

from thinkcurve.errors import UsageError
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.endpoint.cassette import Recorder, Replay
from thinkcurve_backends.endpoint.faults import check_address
from thinkcurve_backends.endpoint.keys import Key, all_writings
from thinkcurve_backends.endpoint.limiter import Limited, limiter_for
from thinkcurve_backends.endpoint.options import EndpointOptions
from thinkcurve_backends.endpoint.wire import Network, Patience, Wire


def open_api(base_url: str, key: Key, options: EndpointOptions, *, headers: Mapping[str, str] | None = None) -> Api:
    """The API at ``options.base_url``, or else at ``base_url``. ``headers`` hold the key in the way that it wants.

    Raises `UsageError` for what is no address, and for cassettes that cannot be read or written.
    """
    if options.record and options.replay:
        raise UsageError("a cassette is recorded or replayed, not both: leave out option record or option replay")
    address = check_address(options.base_url or base_url, key.variable or "the variable of its key")
    return Api(
        address, headers=headers, key_variable=key.variable, secrets=(key.value,), wire=_wire(address, key, options)
    )


def _wire(address: str, key: Key, options: EndpointOptions) -> Wire:
    if options.replay:
        return Replay(options.replay)
    network = Network(Patience(options.connect_s, options.idle_s, options.total_s))
    wire = Limited(network, limiter_for(address, key.value, options.concurrency))
    return Recorder(wire, options.record, all_writings((key.value,))) if options.record else wire
