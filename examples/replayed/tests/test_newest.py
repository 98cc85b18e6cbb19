"""The client, unchanged, against what the registry answered once."""

import pytest
from newest import newest


@pytest.mark.ghcr(cassette="tags", takeover=True)
def test_the_newest_version(ghcr_cassette):
    """The greatest version is on the second page of what was recorded."""
    assert newest("acme/many", "b2N0b2NhdDpub2JvZHk=") == "v102"
    assert [each.status for each in ghcr_cassette.requests("tags.list")] == [200, 200]
