"""Certificates made on the spot, and a user's own."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from tools import require, run

from ghcr_sim.errors import ServeError
from ghcr_sim.tls import ALPN, NAMES, Authority, certificates, load_server_context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> Path:
    authority.write(tmp_path / "tls")
    return tmp_path / "tls"


@contextlib.contextmanager
def listening(context: ssl.SSLContext) -> Iterator[int]:
    """A server that shakes hands, answers each request with the same words, and hangs up."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with plain, contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as tls:
                tls.settimeout(10)
                if tls.recv(4096):
                    tls.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def shake(port: int, context: ssl.SSLContext, name: str) -> str | None:
    """Shake hands as a client that dials `name`; the protocol that was agreed upon."""
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname=name) as tls,
    ):
        return tls.selected_alpn_protocol()


def certificate(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


@pytest.mark.parametrize(
    "name", [*NAMES[:1], "x.ghcr.io", *NAMES[2:], "registry.test", "a.b.test", "10.1.2.3"]
)
def test_a_strict_client_that_trusts_the_authority_verifies(authority: Authority, name: str) -> None:
    """Every name that a certificate is for verifies, also by Python 3.13's strict rules."""
    client = authority.client_context()
    client.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    with listening(authority.server_context("registry.test", "*.b.test", "10.1.2.3")) as port:
        shake(port, client, name)


@pytest.mark.parametrize("name", ["example.org", "a.b.ghcr.io", "127.0.0.3"])
def test_a_name_that_was_not_asked_for_does_not_verify(authority: Authority, name: str) -> None:
    """A certificate is for its names only."""
    with (
        listening(authority.server_context()) as port,
        pytest.raises(ssl.SSLCertVerificationError, match=r"(Hostname|IP address) mismatch"),
    ):
        shake(port, authority.client_context(), name)


def test_frozen_time_makes_no_old_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are good by the system's time, by which OpenSSL goes, whatever a test has made of Python's."""

    class Frozen(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Frozen:
            return cls(2024, 1, 1, tzinfo=tz)

    monkeypatch.setattr(certificates, "datetime", Frozen)
    monkeypatch.setattr(time, "time", lambda: Frozen.now(UTC).timestamp())
    made = Authority.create()
    for each in (made.pem, made.issue().pem):
        assert (
            certificate(each).not_valid_before_utc < datetime.now(UTC) < certificate(each).not_valid_after_utc
        )


def test_another_authority_does_not_verify(authority: Authority) -> None:
    """A client trusts the authority that it was given, and no other one of the same make."""
    with listening(authority.server_context()) as port, pytest.raises(ssl.SSLCertVerificationError):
        shake(port, Authority.create().client_context(), "ghcr.io")


@pytest.mark.parametrize(
    ("offered", "asked", "agreed"),
    [
        pytest.param(ALPN, ["http/1.1", "h2"], "h2", id="the server's order counts"),
        pytest.param(ALPN, ["http/1.1"], "http/1.1", id="an old client"),
        pytest.param(ALPN, [], None, id="a client without ALPN"),
        pytest.param(("http/1.1",), ["h2", "http/1.1"], "http/1.1", id="no h2 here"),
    ],
)
@pytest.mark.row("0.6")
def test_alpn(authority: Authority, offered: tuple[str, ...], asked: list[str], agreed: str | None) -> None:
    """HTTP/2 is agreed upon by ALPN where both sides can, HTTP/1.1 otherwise."""
    client = authority.client_context()
    if asked:
        client.set_alpn_protocols(asked)
    with listening(authority.server_context(alpn=offered)) as port:
        assert shake(port, client, "ghcr.io") == agreed


def test_tls_1_1_is_refused(authority: Authority) -> None:
    """The server speaks TLS 1.2 and 1.3."""
    assert authority.server_context().minimum_version is ssl.TLSVersion.TLSv1_2


def test_what_verifiers_insist_on(authority: Authority) -> None:
    """What Go, GnuTLS, Node and strict OpenSSL ask for is there, and critical where it must be."""
    root, leaf = certificate(authority.pem), certificate(authority.issue().pem)
    ca, end = (c.extensions.get_extension_for_class(x509.BasicConstraints) for c in (root, leaf))
    assert ca.critical
    assert ca.value.ca
    assert ca.value.path_length == 0
    assert end.critical
    assert not end.value.ca
    usage = root.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    purpose = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purpose) == [ExtendedKeyUsageOID.SERVER_AUTH]
    subject_id = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issuer_id = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert issuer_id.key_identifier == subject_id.key_identifier
    leaf.verify_directly_issued_by(root)


def test_validity(authority: Authority) -> None:
    """A certificate is good since yesterday and for at most 398 days, within its authority's time."""
    root, leaf = certificate(authority.pem), certificate(authority.issue().pem)
    for one in (root, leaf):
        assert (one.not_valid_after_utc - one.not_valid_before_utc).days <= 398
        assert time.time() - one.not_valid_before_utc.timestamp() > 86_000
    assert abs((leaf.not_valid_after_utc - root.not_valid_after_utc).total_seconds()) < 3600


def test_two_authorities_have_two_names() -> None:
    """A trust store that holds the authorities of two runs can tell them apart."""
    one, two = (certificate(Authority.create().pem) for _ in range(2))
    assert one.subject != two.subject


def test_the_names_asked_for_come_on_top(authority: Authority) -> None:
    """Names are added to the usual ones, once each."""
    leaf = certificate(authority.issue("registry.test", "ghcr.io").pem)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == [*NAMES, "registry.test"]


@pytest.mark.parametrize(
    "name", ["", "https://ghcr.io", "localhost:5000", "[::1]", "a b", "bücher.example", "*", "a.*.b"]
)
def test_what_is_no_name_is_refused(authority: Authority, name: str) -> None:
    """A port, a scheme or a letter that no DNS name has is refused in words, not by a verifier later."""
    with pytest.raises(ServeError, match=re.escape(repr(name))):
        authority.issue(name)


def test_keys_are_not_shown(authority: Authority) -> None:
    """Neither the authority's key nor a server's is in a repr, so neither is in a traceback or a log."""
    issued = authority.issue()
    assert b"PRIVATE KEY" in issued.key
    assert "PRIVATE" not in repr(issued)
    assert re.fullmatch(r"Authority\(CN=ghcr-sim authority [0-9a-f]+\)", repr(authority))


def test_no_key_stays_on_the_disk(authority: Authority, monkeypatch, tmp_path: Path) -> None:
    """The file that OpenSSL reads a key from is private while it is there, and then is gone."""
    modes = []
    load = ssl.SSLContext.load_cert_chain

    def spy(context: ssl.SSLContext, name: str) -> None:
        modes.append(stat.S_IMODE(Path(name).stat().st_mode))
        load(context, name)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", spy)
    authority.server_context()
    assert modes == [0o600]
    assert list(tmp_path.iterdir()) == []


def test_files_for_other_programs(files: Path, authority: Authority) -> None:
    """The authority and a server's certificate are written out, the key for its owner alone; nothing else."""
    assert sorted(path.name for path in files.iterdir()) == ["ca.crt", "server.crt", "server.key"]
    assert (files / "ca.crt").read_bytes() == authority.pem
    assert stat.S_IMODE((files / "server.key").stat().st_mode) == 0o600
    with listening(load_server_context(files / "server.crt", files / "server.key")) as port:
        assert shake(port, authority.client_context(), "ghcr.io") is None


def test_files_are_written_anew(files: Path) -> None:
    """A later authority replaces an earlier one's files; a key file with a wider mode is not written through."""
    (files / "server.key").chmod(0o644)
    later = Authority.create()
    later.write(files, "registry.test")
    assert (files / "ca.crt").read_bytes() == later.pem
    assert stat.S_IMODE((files / "server.key").stat().st_mode) == 0o600
    load_server_context(files / "server.crt", files / "server.key")


@pytest.mark.parametrize("foreign", ["text", "link", "bundle", "key"])
def test_a_users_own_files_stay(
    files: Path, authority: Authority, foreign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no authority of ours wrote is refused by name, and nothing is changed: it may be somebody's only copy."""
    name = {"text": "ca.crt", "link": "server.crt", "bundle": "ca.crt", "key": "server.key"}[foreign]
    path = files / name
    if foreign == "link":
        (files / "elsewhere").write_text("mine")
        path.unlink()
        path.symlink_to("elsewhere")
    elif foreign == "bundle":
        with monkeypatch.context() as patched:
            patched.setattr(certificates, "_AUTHORITY", "somebody else")
            path.write_bytes(path.read_bytes() + Authority.create().pem)
    else:
        path.write_bytes(authority.issue().key if foreign == "key" else b"mine")
    before = {each.name: each.read_bytes() for each in files.iterdir()}
    with pytest.raises(
        ServeError, match=f"{name} was not made here; move it away, or name another directory"
    ):
        authority.write(files)
    assert {each.name: each.read_bytes() for each in files.iterdir()} == before


def test_a_directory_that_cannot_be_written(authority: Authority, tmp_path: Path) -> None:
    """Where no file can be made, the error names the place."""
    (tmp_path / "file").touch()
    with pytest.raises(ServeError, match=r"cannot write certificates to .*file"):
        authority.write(tmp_path / "file")


def test_a_missing_file_is_named(files: Path) -> None:
    """A certificate or key that is not there is named, with what to do."""
    with pytest.raises(ServeError, match=r"the certificate .*no.crt is not there"):
        load_server_context(files / "no.crt", files / "server.key")
    with pytest.raises(ServeError, match=r"the key .*no.key is not there"):
        load_server_context(files / "server.crt", files / "no.key")


def test_a_key_of_another_certificate(files: Path, authority: Authority) -> None:
    """A key that does not fit is called that."""
    (files / "server.key").write_bytes(authority.issue().key)
    with pytest.raises(ServeError, match="does not belong to the certificate"):
        load_server_context(files / "server.crt", files / "server.key")


def test_files_that_are_no_pem(files: Path) -> None:
    """A file that is no PEM is refused in words."""
    (files / "server.crt").write_text("nothing")
    with pytest.raises(ServeError, match="must be a certificate and its key as PEM"):
        load_server_context(files / "server.crt", files / "server.key")


def test_a_file_that_cannot_be_read(files: Path, monkeypatch) -> None:
    """A file of somebody else's is refused in words."""

    def refuse(*_args, **_named) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", refuse)
    with pytest.raises(ServeError, match=r"cannot read .*: Permission denied"):
        load_server_context(files / "server.crt", files / "server.key")


def test_an_encrypted_key_asks_nobody_for_a_password(files: Path) -> None:
    """An encrypted key is refused; a server in the background cannot type a password."""
    require("openssl")
    key = files / "server.key"
    run("openssl", "pkey", "-in", key, "-out", files / "secret.key", "-aes256", "-passout", "pass:secret")
    with pytest.raises(ServeError, match="the key is encrypted"):
        load_server_context(files / "server.crt", files / "secret.key")


def test_cryptography_is_imported_late() -> None:
    """Whoever speaks plain HTTP does not wait for `cryptography`."""
    code = "import sys, ghcr_sim.tls; print('cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_openssl_verifies_strictly(files: Path) -> None:
    """OpenSSL's own strict verifier accepts the chain for a server."""
    require("openssl")
    strict = ["-x509_strict", "-purpose", "sslserver", "-verify_hostname", "x.ghcr.io"]
    run("openssl", "verify", *strict, "-CAfile", files / "ca.crt", files / "server.crt")


GO = """
package main

import ("fmt"; "io"; "net/http"; "os")

func main() {
	answer, err := http.Get(os.Args[1])
	if err != nil { fmt.Println(err); os.Exit(1) }
	body, _ := io.ReadAll(answer.Body)
	fmt.Println(string(body))
}
"""

NODE = "require('https').get(process.argv[1], r => r.on('data', d => process.stdout.write(d)))"


@pytest.mark.clients
@pytest.mark.parametrize("program", ["curl", "node", "go", "wget"])
def test_programs_verify(program: str, authority: Authority, files: Path) -> None:
    """OpenSSL (curl), Node, Go and GnuTLS (wget) verify the certificate once they know the authority."""
    require(program)
    (files / "main.go").write_text(GO)
    ca = str(files / "ca.crt")
    with listening(authority.server_context(alpn=("http/1.1",))) as port:
        url = f"https://127.0.0.1:{port}/"
        argv = {
            "curl": ["curl", "-sS", "--cacert", ca, url],
            "node": ["node", "-e", NODE, url],
            "go": ["go", "run", str(files / "main.go"), url],
            "wget": ["wget", "-q", "-O", "-", f"--ca-certificate={ca}", url],
        }[program]
        env = {**os.environ, "SSL_CERT_FILE": ca, "NODE_EXTRA_CA_CERTS": ca}
        assert run(*argv, env=env, timeout=300).stdout.strip() == "ok"
