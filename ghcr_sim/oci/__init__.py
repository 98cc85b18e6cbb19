"""The words of the OCI specifications: names, digests, media types, error codes. It knows no room."""

from ghcr_sim.oci.digests import Digest, is_digest, parse_digest
from ghcr_sim.oci.names import check_repository, check_tag, is_tag
from ghcr_sim.oci.refusals import Refusal

__all__ = ["Digest", "Refusal", "check_repository", "check_tag", "is_digest", "is_tag", "parse_digest"]
