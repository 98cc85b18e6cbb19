"""h2's state of a connection, with what this side announces. Source: RFC 9113, section 6.5.2."""

from __future__ import annotations

import logging

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings

from ghcr_sim.http2.frames import MAX_CONTROL, MAX_DATA

__all__ = ["CONNECTION_WINDOW", "MAX_STREAMS", "STREAM_WINDOW", "new_state"]

MAX_STREAMS = 250
"""How many requests may be under way on a connection, those that the client has given up included."""

STREAM_WINDOW = 1 << 22
"""How much of a body may wait for its handler, in bytes: more made nothing faster."""

CONNECTION_WINDOW = 1 << 24
"""How much of all bodies of a connection may wait for their handlers, in bytes."""

_ANNOUNCED = {
    SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
    SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
    SettingCodes.MAX_FRAME_SIZE: MAX_DATA,
    SettingCodes.MAX_HEADER_LIST_SIZE: H2Connection.DEFAULT_MAX_HEADER_LIST_SIZE,
}


# At DEBUG it writes down every header that it decodes, credentials included.
logging.getLogger("hpack").setLevel(logging.INFO)


def new_state() -> H2Connection:
    """Return the state of a new connection; its greeting waits to be sent.

    h2 does not check the heads that go out: `heads.write_head` has done it, before the table of headers
    has changed.
    """
    config = H2Configuration(
        client_side=False, validate_outbound_headers=False, normalize_outbound_headers=False
    )
    state = H2Connection(config)
    state.local_settings = Settings(client=False, initial_values=_ANNOUNCED)
    state.max_inbound_frame_size = MAX_CONTROL  # h2 sees no DATA, to which alone the larger size applies
    state.initiate_connection()
    state.increment_flow_control_window(CONNECTION_WINDOW - 65535)
    return state
