"""A bucket that refuses is told in one sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from ingestion.landing.storage import StorageAway
from ingestion.landing.store import Landing, LandingUnusable
from ingestion.settings import Settings
from tests.object_store.server import Bucket, Refusal

#: S3's answers, as AWS documents them, and what a person must do.
REFUSALS = {
    Refusal("403 Forbidden", "InvalidAccessKeyId"): "correct the key",
    Refusal("403 Forbidden", "SignatureDoesNotMatch"): "correct the secret key",
    Refusal("400 Bad Request", "ExpiredToken"): "renew the session's token",
    Refusal("403 Forbidden", "AccessDenied"): "allow this key the actions that docs/scale.md lists",
    Refusal("403 Forbidden", "RequestTimeTooSkewed"): "set this machine's clock",
    Refusal("400 Bad Request", "AuthorizationHeaderMalformed"): "name the bucket's region",
    Refusal("404 Not Found", "NoSuchBucket"): "make the bucket, or correct its name",
}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.code)
def test_a_refusal_says_what_to_do(bucket: Bucket, tmp_path: Path, refusal: Refusal) -> None:
    bucket.store.fault = lambda request: refusal
    finished = tmp_path / "a"
    finished.write_bytes(b"{}\n")
    # A collector looks whether its segment is there, and uploads it; a load lists.
    for attempt in (
        lambda: Landing(bucket.landing_url).holds("events/a.ndjson"),
        lambda: Landing(bucket.landing_url).put(finished, "events/a.ndjson"),
    ):
        with pytest.raises(StorageAway, match=REFUSALS[refusal]):
            attempt()
    with pytest.raises(LandingUnusable, match=f"^FOOTFALL_LANDING_URL: .*{REFUSALS[refusal]}"):
        Landing(bucket.landing_url).files()
    assert finished.exists()


def test_a_bucket_that_does_not_exist_is_not_made(bucket: Bucket, tmp_path: Path) -> None:
    """s3fs makes it when it is asked for a folder in it: a misspelt name was a new bucket."""
    landing = Landing(f"s3://{bucket.name}-misspelt/landing")
    finished = tmp_path / "a"
    finished.write_bytes(b"{}\n")
    with pytest.raises(StorageAway, match="make the bucket, or correct its name"):
        landing.put(finished, "events/a.ndjson")
    with pytest.raises(LandingUnusable, match="make the bucket, or correct its name"):
        landing.files()


def test_a_machine_without_keys_is_told_which_variables_they_are(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(LandingUnusable, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        Landing(bucket.landing_url).files()


@pytest.mark.parametrize("url", ["s3://", "s3:", "s3:///", "://"])
def test_an_url_without_a_bucket_is_refused_at_start(url: str) -> None:
    """`s3://` was the local folder `s3:`."""
    with pytest.raises(ValidationError, match="it names no bucket or host"):
        Settings(landing_url=url)
