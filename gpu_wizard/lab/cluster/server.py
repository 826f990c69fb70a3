"""The cluster with its HTTPS server, as a context."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from types import TracebackType

from gpu_wizard.lab.api.access import MASTERS
from gpu_wizard.lab.api.server import ApiServer, LoggedRequest
from gpu_wizard.lab.cluster.cluster import Cluster
from gpu_wizard.lab.pki import Authority
from gpu_wizard.lab.ports import Clock, JsonObject

VERSION = "v1.34.3+k3s1"


class ClusterServer:
    """`async with ClusterServer(clock, authority) as server`: a cluster that answers by HTTPS.

    Everything runs in the event loop that enters it, and ends with the context.
    """

    def __init__(
        self,
        clock: Clock,
        authority: Authority,
        *,
        version: str = VERSION,
        names: Sequence[str] = (),
        port: int = 0,
        available: bool = True,
    ) -> None:
        self._clock = clock
        self.authority = authority
        self.version = version
        self._names = names
        self._wanted_port = port
        self._available = available
        self._cluster: Cluster | None = None
        self._api: ApiServer | None = None

    async def __aenter__(self) -> ClusterServer:
        match = re.match(r"v\d+\.(\d+)", self.version)
        minor = int(match[1]) if match else 34
        cluster = Cluster(self._clock, self.authority.pem.decode(), minor=minor)
        api = ApiServer(
            cluster.registry,
            cluster.access,
            self.authority,
            self.authority.serve(self._names),
            cluster,
            version=self.version,
            patience=1 / self._clock.factor,
            port=self._wanted_port,
        )
        self._cluster, self._api = cluster, api
        cluster.told_available.append(self._switch)
        cluster.start()
        if self._available:
            api.listener.open()
            await api.listener.opened()
        else:
            cluster.available = False
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._api is not None:
            await self._api.listener.end()
        if self._cluster is not None:
            await self._cluster.stop()

    @property
    def cluster(self) -> Cluster:
        """The cluster behind the server."""
        if self._cluster is None:
            raise RuntimeError("the server has not been started")
        return self._cluster

    @property
    def api(self) -> ApiServer:
        if self._api is None:
            raise RuntimeError("the server has not been started")
        return self._api

    @property
    def port(self) -> int:
        return self.api.port

    @property
    def requests(self) -> list[LoggedRequest]:
        """Every request that came by HTTPS, in order."""
        return self.api.requests

    def kubeconfig(
        self, user: str = "system:admin", groups: Sequence[str] = (MASTERS,), *, server: str = ""
    ) -> JsonObject:
        """A kubeconfig as K3s writes it, with a new client certificate.

        `server`: the URL to name; "" is this server's own on 127.0.0.1.
        """
        certified = self.authority.client(user, groups)
        address = server or f"https://127.0.0.1:{self.port}"
        cluster = {
            "certificate-authority-data": _base64(self.authority.pem),
            "server": address,
        }
        identity = {
            "client-certificate-data": _base64(certified.certificate),
            "client-key-data": _base64(certified.key),
        }
        return {
            "apiVersion": "v1",
            "clusters": [{"cluster": cluster, "name": "default"}],
            "contexts": [{"context": {"cluster": "default", "user": "default"}, "name": "default"}],
            "current-context": "default",
            "kind": "Config",
            "preferences": {},
            "users": [{"name": "default", "user": identity}],
        }

    def _switch(self, available: bool, reason: str) -> None:
        self.api.ready = available
        if available or reason == "starting":
            self.api.listener.open()
        else:
            self.api.listener.close()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
