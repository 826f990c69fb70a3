"""Names of users and groups, from the machine's accounts and its /etc/passwd and /etc/group."""

from __future__ import annotations

from gpu_wizard.lab.kernel import SUDO_GROUP, Run
from gpu_wizard.lab.ports import User


def _database(run: Run, path: str) -> dict[str, int]:
    """Names and ids of a colon-separated file; empty where it can't be read."""
    try:
        lines = run.kernel.computer.files.read(path).decode().splitlines()
    except OSError:
        return {}
    rows = [line.split(":") for line in lines]
    return {row[0]: int(row[2]) for row in rows if len(row) > 2 and row[2].isdigit()}


def users(run: Run) -> dict[str, int]:
    """User ids by name."""
    known = {user.name: user.uid for user in run.kernel.computer.users.values()}
    return {"root": 0, "nobody": 65534} | _database(run, "/etc/passwd") | known


def groups(run: Run) -> dict[str, int]:
    """Group ids by name."""
    known = {user.name: user.gid for user in run.kernel.computer.users.values()}
    return {"root": 0, "sudo": SUDO_GROUP} | known | _database(run, "/etc/group")


def user_name(run: Run, uid: int) -> str:
    """The name of a user id; `UNKNOWN`, as stat says, for one without."""
    return next((name for name, number in users(run).items() if number == uid), "UNKNOWN")


def group_name(run: Run, gid: int) -> str:
    """The name of a group id; `UNKNOWN`, as stat says, for one without."""
    return next((name for name, number in groups(run).items() if number == gid), "UNKNOWN")


def account(run: Run, name: str) -> User | None:
    """The account of that name or number, or None."""
    accounts = run.kernel.computer.users.values()
    return next((user for user in accounts if name in (user.name, str(user.uid))), None)


def owner_ids(run: Run, spec: str) -> tuple[int | None, int | None]:
    """Ids that `OWNER:GROUP` means, None for a part that is not given. Raises: ValueError."""
    owner, colon, group = spec.partition(":")
    uid = _number(owner, users(run)) if owner else None
    if colon and not group and uid is not None:
        found = account(run, owner)
        return uid, found.gid if found else uid
    return uid, _number(group, groups(run)) if group else None


def _number(name: str, known: dict[str, int]) -> int:
    if name.isdigit():
        return int(name)
    if name not in known:
        raise ValueError(name)
    return known[name]
