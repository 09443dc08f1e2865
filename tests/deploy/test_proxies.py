"""The examples of a proxy: the collector for all, the UI for those with a password, both by TLS."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ingestion.facts.envelope import MAX_BATCH_BYTES
from ingestion.settings import Settings
from tests.deploy.files import DEPLOY

NGINX = DEPLOY / "nginx.conf"
CADDY = DEPLOY / "Caddyfile"

Block = dict[str, list["str | Block"]]


def read_nginx(text: str) -> Block:
    """Directives and blocks by name; raises ValueError where one is not ended."""
    tokens = re.findall(r'"[^"]*"|[{};]|[^\s{};"]+', re.sub(r"#.*", "", text))
    root: Block = {}
    open_blocks, words = [root], list[str]()
    for token in tokens:
        if token == ";":
            open_blocks[-1].setdefault(words[0], []).append(" ".join(words[1:]))
        elif token == "{":
            block: Block = {}
            open_blocks[-1].setdefault(" ".join(words), []).append(block)
            open_blocks.append(block)
        elif token == "}":
            if words:
                raise ValueError(f"not ended: {' '.join(words)}")
            open_blocks.pop()
        else:
            words.append(token)
            continue
        words = []
    if words or open_blocks != [root]:
        raise ValueError("a block or a directive is not ended")
    return root


def servers() -> dict[str, Block]:
    """The server blocks by what they listen on and answer for."""
    found: dict[str, Block] = {}
    for block in read_nginx(NGINX.read_text())["server"]:
        assert isinstance(block, dict)
        found[f"{str(block['listen'][0]).split()[0]} {block['server_name'][0]}"] = block
    return found


def only(block: Block, name: str) -> Block:
    """The one block of that name."""
    (found,) = block[name]
    assert isinstance(found, dict)
    return found


def test_nginx_hands_events_to_the_collector_with_the_senders_own_address() -> None:
    settings = Settings()
    root = read_nginx(NGINX.read_text())
    collector = servers()["443 events.example.com"]
    location = only(collector, "location /")

    assert only(root, "upstream footfall_collector")["server"] == [
        f"{settings.host}:{settings.port}"
    ]
    assert location["proxy_pass"] == ["http://footfall_collector"]
    assert "X-Forwarded-For $remote_addr" in location["proxy_set_header"]
    # A POST that a collector has got is not sent to another: test_nginx.py sees it.
    assert location["proxy_next_upstream"] == ["error timeout"]
    assert int(str(collector["client_max_body_size"][0]).removesuffix("m")) << 20 > MAX_BATCH_BYTES
    for private in ("/metrics", "/demo"):
        assert only(collector, f"location = {private}") == {"return": ["404"]}


def test_nginx_asks_for_a_password_before_the_ui_and_lets_its_web_socket_through() -> None:
    settings = Settings()
    ui = servers()["443 footfall.example.com"]
    location = only(ui, "location /")

    assert ui["auth_basic"] == ['"Footfall"']
    assert "auth_basic_user_file" in ui
    assert [name for name in ui if name.startswith("location")] == ["location /"]
    assert "auth_basic" not in location
    assert location["proxy_pass"] == [f"http://{settings.ui_host}:{settings.ui_port}"]
    assert "Upgrade $http_upgrade" in location["proxy_set_header"]


def test_nginx_asks_for_a_password_before_the_explorer_and_sends_pages_as_they_come() -> None:
    settings = Settings()
    explorer = servers()["443 explorer.example.com"]
    location = only(explorer, "location /")

    assert explorer["auth_basic"] == ['"Footfall"']
    assert [name for name in explorer if name.startswith("location")] == ["location /"]
    assert location["proxy_pass"] == [f"http://{settings.explorer_host}:{settings.explorer_port}"]
    assert location["proxy_buffering"] == ["off"]


def test_nginx_serves_nothing_without_tls() -> None:
    plain = [block for name, block in servers().items() if not name.startswith("443 ")]
    ciphered = [block for name, block in servers().items() if name.startswith("443 ")]

    assert [sorted(block) for block in plain] == [["listen", "return", "server_name"]]
    assert all(str(listen).split()[1] == "ssl" for block in ciphered for listen in block["listen"])
    assert all("ssl_certificate_key" in block for block in ciphered)


@pytest.mark.parametrize(
    "broken", ["server { listen 80 }", "server { listen 80;", "listen 80", "server { } }"]
)
def test_what_is_not_ended_is_no_configuration(broken: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        read_nginx(broken)


def test_nginx_itself_takes_the_configuration(tmp_path: Path) -> None:
    """Only where nginx and openssl are; the tests above read the same file everywhere."""
    nginx, openssl = shutil.which("nginx"), shutil.which("openssl")
    if not (nginx and openssl):
        return
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    text = re.sub(r"(ssl_certificate) \S+;", rf"\1 {certificate};", NGINX.read_text())
    text = re.sub(r"(ssl_certificate_key) \S+;", rf"\1 {key};", text)
    main = tmp_path / "nginx.conf"
    folders = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main.write_text(
        f"pid {tmp_path}/pid;\nerror_log {tmp_path}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{folders}{text}}}\n"
    )
    done = subprocess.run(
        [nginx, "-t", "-e", f"{tmp_path}/error.log", "-c", main],
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_caddy_asks_for_a_password_before_the_ui_and_for_none_before_the_collector() -> None:
    settings = Settings()
    text = re.sub(r"(?m)^\s*#.*\n", "", CADDY.read_text())
    sites = dict(re.findall(r"(?ms)^(\S+) \{\n(.*?)^\}", text))

    assert list(sites) == ["events.example.com", "footfall.example.com", "explorer.example.com"]
    events, ui, explorer = sites.values()
    assert f"reverse_proxy {settings.host}:{settings.port}" in events
    assert "path /metrics /demo" in events
    assert "respond @private 404" in events
    assert "basicauth" not in events
    assert f"reverse_proxy {settings.ui_host}:{settings.ui_port}" in ui
    assert re.search(r"basicauth \{\n\s+operator ", ui)
    assert f"reverse_proxy {settings.explorer_host}:{settings.explorer_port}" in explorer
    assert re.search(r"basicauth \{\n\s+analyst ", explorer)
