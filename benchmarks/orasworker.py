"""A blob into a file by oras-py: `oras-python orasworker.py HOST REPOSITORY DIGEST TARGET [verified]`.

oras-py compares no digest; with `verified` it is computed afterwards, the fastest way that Python has.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path

import oras.client

host, repository, digest, target, *verified = sys.argv[1:]
begun = time.perf_counter()
client = oras.client.OrasClient(hostname=host, insecure=True)
client.download_blob(f"{host}/{repository}", digest, target)
if verified:
    with Path(target).open("rb") as file:
        if f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" != digest:
            raise SystemExit("another blob came")
print(json.dumps({"seconds": time.perf_counter() - begun}))
