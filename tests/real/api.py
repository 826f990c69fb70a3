"""The API server over one kept connection: kubectl for each look would cost more than what is looked at."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

Object = dict[str, Any]

_KINDS = {
    "node": "/api/v1/nodes",
    "pod": "/api/v1/pods",
    "secret": "/api/v1/secrets",
    "daemonset": "/apis/apps/v1/daemonsets",
    "deployment": "/apis/apps/v1/deployments",
    "runtimeclass": "/apis/node.k8s.io/v1/runtimeclasses",
}


def path_of(kind: str, name: str = "", namespace: str = "") -> str:
    """Of an object, or of all of a kind, in one namespace or in all."""
    group, _, plural = _KINDS[kind].rpartition("/")
    place = f"{group}/namespaces/{namespace}" if namespace else group
    return f"{place}/{plural}/{name}" if name else f"{place}/{plural}"


def path_of_object(kind: str, found: Object) -> str:
    """Of an object that was found in a list."""
    metadata = found["metadata"]
    return path_of(kind, metadata["name"], metadata.get("namespace", ""))


class Api:
    """By a kubeconfig of K3s's: a certificate, all in one file."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        server = urlsplit(cluster["server"])
        trust = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=trust)
        pair = kubeconfig.with_suffix(".pem")
        pair.touch(0o600)
        pair.write_bytes(
            base64.b64decode(user["client-certificate-data"])
            + base64.b64decode(user["client-key-data"])
        )
        context.load_cert_chain(pair)
        pair.unlink()
        self._link = http.client.HTTPSConnection(
            server.hostname or "", server.port, timeout=20, context=context
        )
        self._alone = threading.Lock()

    def ask(self, method: str, path: str, body: Object | None = None) -> tuple[int, Object]:
        """Status and object of an answer.

        Raises:
            OSError: there was none, on a new connection either.
        """
        with self._alone:
            for last in (False, True):
                try:
                    return self._exchange(method, path, body)
                except (OSError, http.client.HTTPException) as error:
                    self._link.close()
                    if last:
                        raise ConnectionError(f"{method} {path}: {error!r}") from error
        raise AssertionError("unreachable: the last try returns or raises")

    def _exchange(self, method: str, path: str, body: Object | None) -> tuple[int, Object]:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        self._link.request(method, path, json.dumps(body) if body else None, headers)
        answer = self._link.getresponse()
        data = answer.read()
        found: Object = {}
        with contextlib.suppress(ValueError):
            found = json.loads(data)
        return answer.status, found

    def close(self) -> None:
        """It may be asked again."""
        self._link.close()
