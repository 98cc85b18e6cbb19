"""Certificates made on the spot, so that a test can speak to `https://ghcr.io` and verify it.

Which names resolve to the fake, and who listens, is not known here.
"""

from ghcr_sim.tls.authority import NAMES, Authority, Certificate
from ghcr_sim.tls.contexts import ALPN, load_server_context

__all__ = ["ALPN", "NAMES", "Authority", "Certificate", "load_server_context"]
