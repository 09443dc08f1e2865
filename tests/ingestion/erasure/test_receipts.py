"""The account of a running erasure."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.erasure.receipts import Account, unfinished


@pytest.fixture
def account(tmp_path: Path) -> Account:
    account = Account(tmp_path, "user:00")
    account.note({"raw": 2})
    return account


def test_an_account_is_taken_up_where_a_kill_left_it(account: Account, tmp_path: Path) -> None:
    (path,) = (tmp_path / "unfinished").iterdir()
    path.write_bytes(path.read_bytes() + b'\n{"landing":')

    again = Account(tmp_path, "user:00")
    assert again.begun == account.begun
    assert again.counts() == {"raw": 2}


@pytest.mark.parametrize("content", [b"", b'{"erasure_id":', b"{}", b"\x00\xff{]"])
def test_an_account_that_nobody_can_read_is_named_and_stops_nothing(
    account: Account, tmp_path: Path, content: bytes
) -> None:
    (path,) = (tmp_path / "unfinished").iterdir()
    path.write_bytes(content)

    (left,) = unfinished(tmp_path)
    assert left.subject.startswith(f"{path} cannot be read: erase the person again")
    assert Account(tmp_path, "user:00").counts() == {}
