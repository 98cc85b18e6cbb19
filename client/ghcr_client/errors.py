"""Everything that can go wrong, as one tree, and the one table from a registry's error to its exception.

GhcrError
├── InvalidReference      a name, tag or digest that no registry takes
├── InvalidManifest       a manifest that is not one
├── InvalidRange          chunk sizes or offsets that make no sense
├── ConfigError           settings or credential files that cannot be used
├── DigestMismatch        bytes that do not have the digest that was promised
├── TransportError        no answer: connection, TLS, time-out, a redirect that is not followed
└── RegistryError         an answer that refuses; it has status, code, message and request id
    ├── Unauthorized      401
    ├── Denied            403
    ├── NotFound          404
    │   ├── ManifestUnknown
    │   ├── BlobUnknown
    │   ├── UploadUnknown
    │   └── NameUnknown
    ├── Unsupported       405
    ├── InvalidUpload     400, 404 or 416 about an upload
    ├── RateLimited       429, and GHCR's 403 of the secondary limit; it has the wait in seconds
    ├── InvalidContent    400 about content that was sent
    └── ServerError       5xx
"""
