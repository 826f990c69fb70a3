"""The sed program that hides secrets in configuration files before they leave the host."""

from __future__ import annotations


def _any_case(*words: str) -> str:
    """A pattern for words in any case; busybox's sed may know no flag for that."""
    spelled = ("".join(f"[{c.upper()}{c}]" if c.isalpha() else c for c in word) for word in words)
    return "|".join(spelled)


_NAME = r"[A-Za-z0-9_.-]*"
_WORDS = _any_case("token", "password", "passwd", "secret", "key", "credential")
_STORE = _any_case("datastore") + "[-_]" + _any_case("endpoint")
_KEY = rf"{_NAME}({_WORDS}|{_STORE}){_NAME}"
_LEAD = r"^[[:space:]]*#?[[:space:]]*(-[[:space:]]+)?(export[[:space:]]+)?[\"']?"
_ASSIGN = r"[\"']?[[:space:]]*[:=][[:space:]]*"
_ENDS = r"([]\"'=:[:space:]]|$)"
_GUARD = "\x02"
"""Breaks a name that tells where a secret is, not what it is, so that no rule matches it; taken out at the end."""

REDACT_SED = "\n".join(
    (
        rf"s/([-_]({_any_case('file', 'path', 'dir')})){_ENDS}/{_GUARD}\1\3/g",
        rf"s/([a-z])((File|Path|Dir)){_ENDS}/\1{_GUARD}\2\4/g",
        rf"s/({_any_case('key')})({_any_case('ring')})/\1{_GUARD}\2/g",
        # A K3s token betrays itself by its form, wherever it stands.
        r"s/K10[0-9a-f]{64}::[^[:space:]\"']*/***/g",
        r"s/(^|[^0-9A-Za-z.])[a-z0-9]{6}\.[a-z0-9]{16}($|[^0-9A-Za-z.])/\1***\2/g",
        # User and password within an address, a data store's or a proxy's.
        r"s#(://)[^/[:space:]\"']*@#\1***@#g",
        # Flags: the value on the same line, or on the next as K3s's installer writes it.
        rf"s/(--{_KEY}[\"']?(=|[[:space:]]+)[\"']?)[^[:space:]\"'\\]+/\1***/g",
        rf"/--{_KEY}[\"']?[[:space:]]*\\?$/{{",
        "n",
        r"s/[^[:space:]\"'\\]+/***/",
        "}",
        # Values by the name of their key: YAML, TOML and environment files, and within JSON.
        rf"s/({_LEAD}{_KEY}{_ASSIGN})[^[:space:]].*/\1***/",
        rf"s/({_LEAD}auth{_ASSIGN})[^[:space:]].*/\1***/",
        rf"s/(\"{_KEY}\"[[:space:]]*:[[:space:]]*)\"[^\"]*\"/\1\"***\"/g",
        f"s/{_GUARD}//g",
    )
)
