"""HTTP/2 in front of the same handler as HTTP/1.1, chosen by ALPN as on ghcr.io (ghcr-wire row 0.6).

    bytes ─ Splitter ─┬─ control frames ─ h2 ─ events ─┐
                      └─ DATA ─ StreamBody ────────────┴─ Stream ─ handler
                                                            └─ Sender ─ bytes

`h2` keeps the state of the connection, of its streams and of their header tables. The contents of
DATA frames go past it: h2 would copy each byte several times, and would end the whole connection where
one upload is shorter than announced. What is answered is not known here, nor who listens.

Source: RFC 9113. `h2` is the extra `pytest-ghcr[http2]`, imported with the first connection that needs it.
"""

from ghcr_sim.http2.alpn import AlpnSwitch, offered
from ghcr_sim.http2.server import Http2Server

__all__ = ["AlpnSwitch", "Http2Server", "offered"]
