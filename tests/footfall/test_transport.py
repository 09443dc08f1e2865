from __future__ import annotations

import base64
import http.client
import os
import socket
import threading
import zlib
from collections.abc import Iterator

import pytest

from footfall import __version__
from footfall.delivery import envelope
from footfall.transport import GZIP_MIN_BYTES, MAX_ANSWER_BYTES, Transport
from tests.footfall.endpoint import Endpoint, Reply

BODY = envelope([b'{"n":1}'])


@pytest.fixture
def transport(endpoint: Endpoint) -> Iterator[Transport]:
    made = Transport(host=endpoint.url + "/", write_key="key", timeout=5.0, gzip=True)
    yield made
    made.close()


def test_a_batch_is_posted_with_the_write_key_as_user(
    endpoint: Endpoint, transport: Transport
) -> None:
    assert transport.post(BODY).status == 200
    request = endpoint.requests[0]
    assert request.path == "/v1/batch"
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"key:").decode()
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"] == f"footfall-python/{__version__}"
    assert request.events == [{"n": 1}]


def test_a_path_in_the_host_is_kept(endpoint: Endpoint) -> None:
    transport = Transport(host=endpoint.url + "/in/", write_key="k", timeout=5.0, gzip=True)
    transport.post(BODY)
    transport.close()
    assert endpoint.requests[0].path == "/in/v1/batch"


def test_one_connection_serves_many_batches(endpoint: Endpoint, transport: Transport) -> None:
    for _ in range(3):
        transport.post(BODY)
    assert len({request.connection for request in endpoint.requests}) == 1


def test_a_connection_the_endpoint_closed_is_replaced_at_once(
    endpoint: Endpoint, transport: Transport
) -> None:
    endpoint.reply(Reply(then_close=True))
    assert transport.post(BODY).status == 200
    assert transport.post(BODY).status == 200
    assert len({request.connection for request in endpoint.requests}) == 2


def test_an_endpoint_that_closes_a_new_connection_unanswered_is_an_error(
    endpoint: Endpoint, transport: Transport
) -> None:
    endpoint.reply(Reply(status=0))
    with pytest.raises(http.client.RemoteDisconnected):
        transport.post(BODY)
    assert len(endpoint.requests) == 1
    assert transport.post(BODY).status == 200


def test_large_bodies_are_compressed_and_small_ones_are_not(
    endpoint: Endpoint, transport: Transport
) -> None:
    large = envelope([b'{"text":"' + b"a" * GZIP_MIN_BYTES + b'"}'])
    transport.post(BODY)
    transport.post(large)
    small_request, large_request = endpoint.requests
    assert "Content-Encoding" not in small_request.headers
    assert large_request.headers["Content-Encoding"] == "gzip"
    assert zlib.decompress(large_request.body, 31) == large
    assert len(large_request.body) < len(large) / 10


def test_compression_can_be_turned_off(endpoint: Endpoint) -> None:
    transport = Transport(host=endpoint.url, write_key="k", timeout=5.0, gzip=False)
    large = envelope([b'{"text":"' + b"a" * GZIP_MIN_BYTES + b'"}'])
    transport.post(large)
    transport.close()
    assert endpoint.requests[0].body == large


def test_an_answer_brings_its_status_body_and_retry_after(
    endpoint: Endpoint, transport: Transport
) -> None:
    endpoint.reply(Reply(429, {"code": "busy"}, {"Retry-After": "7"}))
    answer = transport.post(BODY)
    assert (answer.status, answer.retry_after, answer.body) == (429, "7", b'{"code": "busy"}')


def test_a_silent_endpoint_is_an_error_after_the_timeout(
    endpoint: Endpoint, transport: Transport
) -> None:
    endpoint.hold()
    with pytest.raises(TimeoutError):
        transport.post(BODY, timeout=0.05)


def test_a_kept_connection_has_the_timeout_of_the_attempt(transport: Transport) -> None:
    for seconds in (4.0, 3.0):
        transport.post(BODY, timeout=seconds)
        assert transport._connection is not None
        assert transport._connection.sock.gettimeout() == seconds


def test_an_address_without_a_listener_is_an_error(free_port: int) -> None:
    transport = Transport(
        host=f"http://127.0.0.1:{free_port}", write_key="k", timeout=5.0, gzip=True
    )
    with pytest.raises(ConnectionError):
        transport.post(BODY)


def test_no_more_of_an_answer_is_read_than_the_bound(
    endpoint: Endpoint, transport: Transport
) -> None:
    endpoint.reply(Reply(200, b"x" * (MAX_ANSWER_BYTES + 5)))
    assert len(transport.post(BODY).body) == MAX_ANSWER_BYTES
    assert transport.post(BODY).status == 200
    assert len({request.connection for request in endpoint.requests}) == 2


class RawServer:
    """A socket that answers one connection with bytes of the test's choice."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.received = b""
        self.released = threading.Event()
        self._pieces = pieces
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            self.received = connection.recv(65536)
            try:
                for piece in self._pieces:
                    connection.sendall(piece)
                    if self.released.wait(0.02):
                        return
            except OSError:
                return

    def close(self) -> None:
        self.released.set()
        self._thread.join()
        self._socket.close()


def test_an_answer_that_trickles_in_ends_with_the_timeout() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"
    server = RawServer([head, *[b"x"] * 5000])
    transport = Transport(
        host=f"http://127.0.0.1:{server.port}", write_key="k", timeout=0.2, gzip=True
    )
    with pytest.raises(TimeoutError):
        transport.post(BODY)
    server.close()


def test_https_sends_nothing_before_the_handshake() -> None:
    server = RawServer([b"HTTP/1.1 400 Bad Request\r\n\r\n"])
    transport = Transport(
        host=f"https://127.0.0.1:{server.port}", write_key="secret", timeout=5.0, gzip=True
    )
    with pytest.raises(OSError, match=r"(?i)ssl"):
        transport.post(BODY)
    server.close()
    assert server.received[:1] == b"\x16"  # a TLS handshake record
    assert b"secret" not in server.received


@pytest.mark.parametrize("host", ["", "127.0.0.1:8080", "ftp://host", "http://", "http://h:port"])
def test_a_host_that_is_no_address_is_a_value_error(host: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Transport(host=host, write_key="k", timeout=1.0, gzip=True)


def test_an_abandoned_connection_is_closed_without_a_word(
    endpoint: Endpoint, transport: Transport
) -> None:
    transport.post(BODY)
    assert transport._connection is not None
    descriptor = transport._connection.sock.fileno()
    transport.abandon()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    assert transport.post(BODY).status == 200
