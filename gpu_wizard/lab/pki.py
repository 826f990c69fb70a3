"""The lab's own certificate authority: the server's certificate and its users' certificates."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)
_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


@dataclass(frozen=True)
class Certified:
    """A certificate and its private key, both PEM. The key never shows in a repr."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Certified(***)"


class Authority:
    """A certificate authority that lives in memory.

    K3s's server CA: its PEM is what `/cacerts` serves, and its sha256 is the hash in a `K10` token.
    Source: domain.md, stage 1, "Token forms".
    """

    def __init__(self, name: str = "k3s-server-ca") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self._name, self._key.public_key(), 3650)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        builder = builder.add_extension(_usage(signs_certificates=True), True)
        key_id = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = builder.add_extension(key_id, False)
        self._certificate = builder.sign(self._key, hashes.SHA256())
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM)
        """The CA's certificate, PEM."""

    @property
    def token_hash(self) -> str:
        """The 64 hex digits that stand behind `K10` in this cluster's tokens."""
        return hashlib.sha256(self.pem).hexdigest()

    def serve(self, names: Sequence[str] = (), *, days: int = 365) -> Certified:
        """A server's certificate for loopback, the cluster's own names and the given ones."""
        wanted = dict.fromkeys([*_NAMES, "127.0.0.1", "::1", "10.43.0.1", *names])
        return self._issue("k3s", (), ExtendedKeyUsageOID.SERVER_AUTH, list(wanted), days)

    def client(self, user: str, groups: Sequence[str] = (), *, days: int = 365) -> Certified:
        """A user's certificate: the common name is the user, each organization a group.

        A negative `days` gives one that has expired.
        """
        return self._issue(user, groups, ExtendedKeyUsageOID.CLIENT_AUTH, [], days)

    def _issue(
        self,
        name: str,
        groups: Sequence[str],
        purpose: x509.ObjectIdentifier,
        alternatives: Sequence[str],
        days: int,
    ) -> Certified:
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, name))
        builder = self._builder(x509.Name(attributes), key.public_key(), days)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        builder = builder.add_extension(_usage(signs_certificates=False), True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, False)
        if alternatives:
            names = x509.SubjectAlternativeName([_alternative(each) for each in alternatives])
            builder = builder.add_extension(names, False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Certified(
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, days: int
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        start = now - _DAY if days > 0 else now + (days - 1) * _DAY
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(now + days * _DAY)
        )


def server_context(authority: Authority, certified: Certified) -> ssl.SSLContext:
    """TLS for the API server: clients may show a certificate of this authority, or none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=authority.pem.decode())
    load_identity(context, certified)
    return context


def load_identity(context: ssl.SSLContext, certified: Certified) -> None:
    """Give a TLS context its own certificate and key."""
    # ssl reads a key from files only, so it stands in one, readable by its owner alone, meanwhile.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "identity.pem")
        path.touch(mode=0o600)
        path.write_bytes(certified.key + certified.certificate)
        context.load_cert_chain(path)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
