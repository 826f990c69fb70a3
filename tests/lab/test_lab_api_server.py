"""The lab's API server as a server: who gets in, what is open to all, and how it goes away."""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl

import aiohttp
import pytest
import yaml

from gpu_wizard.lab.cluster.server import ClusterServer
from gpu_wizard.lab.pki import Authority, load_identity
from tests.lab.cluster_bench import Client, FastClock, Machine, admin, identity, read_base64


async def test_what_is_open_to_all() -> None:
    async with ClusterServer(FastClock(), Authority()) as server:
        client = Client(server, None)
        assert (await client.send("GET", "/ping")).body == b"pong"
        served = (await client.send("GET", "/cacerts")).body
        assert hashlib.sha256(served).hexdigest() == server.authority.token_hash
        for path in ("/version", "/readyz", "/healthz", "/api/v1/nodes"):
            assert (await client.send("GET", path)).status == 401
        assert (await client.send("GET", "/v1-k3s/config")).status == 403
        headers = {"Authorization": "Basic bm9kZTp3cm9uZw=="}
        reply = await client.send("GET", "/v1-k3s/config", headers=headers)
        assert (reply.status, reply.json["message"]) == (401, "not authorized")
        await client.close()


async def test_a_kubeconfig_opens_the_api() -> None:
    async with ClusterServer(FastClock(), Authority()) as server:
        config = yaml.safe_load(yaml.safe_dump(server.kubeconfig()))
        assert config["clusters"][0]["cluster"]["server"] == f"https://127.0.0.1:{server.port}"
        authority = read_base64(config["clusters"][0]["cluster"]["certificate-authority-data"])
        assert authority == server.authority.pem
        client = admin(server)
        found = await client.get("/version")
        assert found["gitVersion"] == "v1.34.3+k3s1"
        assert found["minor"] == "34"
        await client.close()


async def test_strangers_certificates_do_not_get_in() -> None:
    async with ClusterServer(FastClock(), Authority()) as server:
        expired = server.authority.client("old", ["system:masters"], days=-1)
        stranger = Authority("another").client("stranger", ["system:masters"])
        for certified in (expired, stranger):
            client = Client(server, certified)
            with pytest.raises((aiohttp.ClientError, ConnectionError, ssl.SSLError)):
                await client.send("GET", "/version")
            await client.close()


async def test_another_authority_is_not_trusted_and_names_are_checked() -> None:
    async with ClusterServer(FastClock(), Authority(), names=["10.20.0.10", "control"]) as server:
        for trusted, name in ((Authority("x").pem, "localhost"), (server.authority.pem, "other")):
            context = ssl.create_default_context(cadata=trusted.decode())
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection(
                    "127.0.0.1", server.port, ssl=context, server_hostname=name
                )
        context = ssl.create_default_context(cadata=server.authority.pem.decode())
        load_identity(context, identity(server))
        for name in ("10.20.0.10", "control", "kubernetes", "127.0.0.1"):
            _, writer = await asyncio.open_connection(
                "127.0.0.1", server.port, ssl=context, server_hostname=name
            )
            writer.close()


async def test_going_away_and_coming_back() -> None:
    async with ClusterServer(FastClock(), Authority()) as server:
        client, again = admin(server), admin(server)
        server.cluster.register(Machine(), {})
        watching = asyncio.ensure_future(client.lines("/api/v1/nodes?watch=true", 99))
        await asyncio.sleep(0.2)
        server.cluster.set_available(False)
        # A stopped server breaks a watch off without an end (recorded j14).
        with pytest.raises(aiohttp.ClientError):
            await watching
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.send("GET", "/version")
        server.cluster.set_available(False, "starting")
        reply = await again.send("GET", "/api/v1/nodes")
        assert (reply.status, reply.json["message"]) == (503, "apiserver not ready")
        assert (await again.send("GET", "/ping")).body == b"pong"
        server.cluster.set_available(True)
        assert (await again.send("GET", "/readyz")).body == b"ok"
        assert server.cluster.get("Node", "", "gpu-node-1") is not None
        await client.close()
        await again.close()


async def test_every_request_is_noted() -> None:
    async with ClusterServer(FastClock(), Authority()) as server:
        client, nobody = admin(server), Client(server, None)
        await client.send("GET", "/api/v1/nodes?limit=1")
        await client.send("POST", "/api/v1/namespaces", {"metadata": {"name": "x"}})
        await nobody.send("GET", "/version")
        noted = [(r.method, r.path, r.user, r.body_bytes > 0, r.status) for r in server.requests]
        assert noted == [
            ("GET", "/api/v1/nodes?limit=1", "cluster-admin", False, 200),
            ("POST", "/api/v1/namespaces", "cluster-admin", True, 201),
            ("GET", "/version", "", False, 401),
        ]
        await client.close()
        await nobody.close()


async def test_rights_come_from_roles_and_bindings() -> None:
    async with ClusterServer(FastClock(), Authority()) as server:
        token = server.cluster.access.token("watcher")
        client = Client(server, None, token)
        assert (await client.send("GET", "/api/v1/nodes")).status == 403
        group = "rbac.authorization.k8s.io"
        rule = {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]}
        base = {"apiVersion": f"{group}/v1", "metadata": {"name": "node-reader"}}
        server.cluster.put(base | {"kind": "ClusterRole", "rules": [rule]})
        binding = {
            "kind": "ClusterRoleBinding",
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "node-reader"},
            "subjects": [{"kind": "User", "apiGroup": group, "name": "watcher"}],
        }
        server.cluster.put(base | binding)
        assert (await client.send("GET", "/api/v1/nodes")).status == 200
        headers = {"Content-Type": "application/merge-patch+json"}
        body = {"metadata": {"labels": {"a": "b"}}}
        reply = await client.send("PATCH", "/api/v1/nodes/x", body, headers)
        assert reply.status == 403
        assert "cannot patch resource" in reply.json["message"]
        await client.close()


async def test_it_starts_where_nobody_is_to_reach_it_yet() -> None:
    async with ClusterServer(FastClock(), Authority(), available=False) as server:
        client = admin(server)
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.send("GET", "/version")
        server.cluster.set_available(True)
        assert (await client.send("GET", "/version")).status == 200
        await client.close()


def test_private_keys_do_not_show() -> None:
    certified = Authority().client("x")
    assert "PRIVATE" not in repr(certified)
    assert json.dumps(str(certified)) == '"Certified(***)"'
