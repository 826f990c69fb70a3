"""How containerd loads its configuration: the file, its imports, their merging, and the migration of old names.

Three ways, told apart by containerd's version:

- 1.x: files are merged as they stand, a later one replaces a whole plugin; at most version 2 (1.6 looks at no limit).
- 2.0 to 2.2: files are merged deeply, names of version 2 are migrated once, after the merge; at most version 3.
- 2.3 on: each file is migrated by its own version first; at most version 4; up to 2.3.4
  a drop-in must not state a newer version than the main file.

Source: containerd v1.6.20, v1.7.24, v2.1.9, v2.3.6 cmd/containerd/server/config/config.go (1.x: services/…).
"""

from __future__ import annotations

import posixpath
from collections import deque
from typing import Any

from gpu_wizard.facts.containerd_loaded import FileSource, Loaded
from gpu_wizard.facts.containerd_migrate import MigrationError, migrate_cri, rename_version_1
from gpu_wizard.facts.containerd_schema import top
from gpu_wizard.facts.containerd_toml import Broken, Path, Tree, read_toml
from gpu_wizard.facts.containerd_types import fit
from gpu_wizard.model.version import Version


def load(main: bytes, path: str, source: FileSource, release: Version) -> Loaded:
    """Load a file and what it imports. `path`: absolute, relative imports hang on it."""
    loaded = Loaded(release)
    loaded.version = 1 if loaded.legacy else min(loaded.limit, 4)
    pending = deque([path])
    root_version = 0
    while pending and loaded.dumps and loaded.starts:
        name = pending.popleft()
        if name in loaded.documents:
            continue
        content = main if name == path else _import(loaded, name, source)
        tree = _read(loaded, name, content) if content is not None else None
        if tree is None:
            break
        stated = tree.get("version", 0)
        root_version = root_version or stated
        if loaded.keeps_order and stated > root_version:
            loaded.fail(
                "dropin-version-higher",
                loaded.documents[name].line("version"),
                file=name,
                have=stated,
                want=root_version,
            )
            break
        if _migrate_file(loaded, name, tree):
            _merge_file(loaded, tree)
            pending.extend(_imports(loaded, tree, name, source))
    else:
        _check(loaded, path)
    return loaded


def _import(loaded: Loaded, name: str, source: FileSource) -> bytes | None:
    main = next(iter(loaded.documents.values()))
    line = main.line("imports")
    try:
        return source.read(name)
    except FileNotFoundError:
        if loaded.legacy:
            loaded.fail("import-missing", line, path=name)
        else:
            # `config dump` takes "not there" for "no configuration" and goes on; the daemon does not.
            loaded.starts = False
            loaded.note("import-missing", line, fatal=True, path=name)
    except OSError as error:
        loaded.fail(
            "import-unreadable", line, path=name, why=error.strerror or type(error).__name__
        )
    return None


def _read(loaded: Loaded, name: str, content: bytes) -> Tree | None:
    document = read_toml(content, lenient=loaded.legacy)
    if isinstance(document, Broken):
        loaded.fail(document.code, document.line, file=name, detail=document.detail)
        return None
    loaded.documents[name] = document
    tree, misfits = fit(top(), document.tree, legacy=loaded.legacy)
    for misfit in misfits:
        _report(loaded, name, misfit.path, misfit.want, misfit.have)
    if loaded.legacy:
        for plugin, value in tree.get("plugins", {}).items():
            if not isinstance(value, dict):
                _report(loaded, name, ("plugins", plugin), "table", type(value).__name__)
    return tree if loaded.dumps else None


def _report(loaded: Loaded, name: str, path: Path, want: str, have: str) -> None:
    line = loaded.documents[name].line(*path)
    key = ".".join(path)
    if want:
        loaded.fail("wrong-type", line, file=name, key=key, want=want, have=have)
    else:
        loaded.note("unknown-key", line, file=name, key=key)


def _migrate_file(loaded: Loaded, name: str, tree: Tree) -> bool:
    """What happens to one file before it is merged."""
    if loaded.legacy:
        return True
    stated = tree.get("version", 0)
    target = loaded.version if loaded.limit == 3 else loaded.limit
    if stated in (0, 1):
        rename_version_1(tree)
        tree["version"] = target
    if loaded.limit == 4 and stated < target:
        if stated < 0:
            loaded.fail(
                "version-unsupported",
                loaded.documents[name].line("version"),
                file=name,
                have=stated,
                max=4,
            )
            return False
        tree["version"] = target
        return _migrate(loaded, tree.setdefault("plugins", {}), name)
    return True


def _migrate(loaded: Loaded, plugins: Tree, name: str) -> bool:
    try:
        migrate_cri(plugins)
    except MigrationError as error:
        file, line = loaded.where("plugins", *error.path)
        loaded.fail(
            "wrong-type",
            line,
            file=file or name,
            key=".".join(("plugins", *error.path)),
            want=error.want,
            have="",
        )
        return False
    return True


def _merge_file(loaded: Loaded, tree: Tree) -> None:
    for key, value in tree.items():
        if key == "version":
            loaded.version = value or loaded.version
        elif key == "plugins":
            if loaded.legacy:
                loaded.plugins.update(value)
            else:
                merge(loaded.plugins, value)
        elif isinstance(value, list):
            have = loaded.top.setdefault(key, [])
            have.extend(each for each in value if each not in have)
        elif isinstance(value, dict):
            loaded.top[key] = {**loaded.top.get(key, {}), **value}
        elif value or key not in loaded.top:
            loaded.top[key] = value


def merge(into: Tree, other: Tree) -> None:
    """Merge tables deeply; every other value replaces."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = _copied(value)


def _copied(value: Any) -> Any:
    return {key: _copied(each) for key, each in value.items()} if isinstance(value, dict) else value


def _imports(loaded: Loaded, tree: Tree, name: str, source: FileSource) -> list[str]:
    found: list[str] = []
    for entry in tree.get("imports", []):
        # containerd 1.6 looks for a relative pattern in its working directory, a unit's being "/".
        by_cwd = "*" in entry and not loaded.release.at_least("1.7")
        path = posixpath.normpath(posixpath.join("/" if by_cwd else posixpath.dirname(name), entry))
        found.extend(source.glob(path) if "*" in path else [path])
    return found


def _check(loaded: Loaded, path: str) -> None:
    """What is looked at once all files are merged."""
    if not loaded.dumps:
        return
    if loaded.version > loaded.limit:
        file, line = loaded.where("version")
        loaded.fail(
            "version-unsupported", line, file=file or path, have=loaded.version, max=loaded.limit
        )
        return
    if loaded.version < 0 and not loaded.legacy:
        # The daemon's migration ends in a panic, the dump does not migrate this way.
        file, line = loaded.where("version")
        loaded.starts = False
        loaded.note(
            "version-unsupported",
            line,
            file=file,
            fatal=True,
            have=loaded.version,
            max=loaded.limit,
        )
    _check_names(loaded, path)
    if loaded.dumps and loaded.limit == 3 and loaded.version < 3:
        _migrate(loaded, loaded.plugins, path)


def _check_names(loaded: Loaded, path: str) -> None:
    if loaded.legacy and loaded.version < 2:
        return
    listed = [("disabled_plugins", each) for each in loaded.top.get("disabled_plugins", [])]
    listed += [("required_plugins", each) for each in loaded.top.get("required_plugins", [])]
    if loaded.legacy:
        listed += [("plugins", each) for each in loaded.plugins]
    for key, each in listed:
        if not _full_name(each, loaded):
            at = (key, each) if key == "plugins" else (key,)
            file, line = loaded.where(*at)
            loaded.fail("plugin-name-short", line, file=file or path, name=each, key=key)
            return


def _full_name(name: str, loaded: Loaded) -> bool:
    if not loaded.legacy:
        return "." in name
    return name.count(".") >= 3 and (name.startswith("io.containerd.") or loaded.limit > 2)
