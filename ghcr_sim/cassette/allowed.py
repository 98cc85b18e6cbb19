"""What may be written into a cassette: names of header fields and keys of queries. Everything else is dropped.

It is an allow-list: a field that nobody thought of is not kept. Sources: `reference/record-replay.md` section 5.3;
distribution specification for the fields and keys that it names; `reference/github-packages.md` section 1 for the API.
"""

from __future__ import annotations

__all__ = ["API_QUERY", "QUERY", "REQUEST_HEADERS", "RESPONSE_HEADERS"]

REQUEST_HEADERS = frozenset(
    {
        "accept",
        "content-length",
        "content-range",
        "content-type",
        "if-match",
        "if-none-match",
        "range",
        "x-github-api-version",
    }
)

RESPONSE_HEADERS = frozenset(
    {
        "accept-ranges",
        "allow",
        "cache-control",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "date",
        "docker-content-digest",
        "docker-distribution-api-version",
        "docker-upload-uuid",
        "etag",
        "last-modified",
        "link",
        "location",
        "oci-chunk-min-length",
        "oci-filters-applied",
        "oci-subject",
        "range",
        "retry-after",
        "server",
        "transfer-encoding",
        "vary",
        "warning",
        "www-authenticate",
        "x-content-type-options",
        "x-github-request-id",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "ratelimit-limit",
        "ratelimit-remaining",
    }
)

QUERY = frozenset(
    {
        "account",
        "artifactType",
        "client_id",
        "digest",
        "from",
        "last",
        "mount",
        "n",
        "next_page",
        "ns",
        "offline_token",
        "page",
        "per_page",
        "scope",
        "service",
    }
)

API_QUERY = frozenset({"package_type", "page", "per_page", "predicate_type", "state", "visibility"})
"""The keys of GitHub's API; elsewhere a `state` may be a secret."""
